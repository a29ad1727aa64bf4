import { VERIFIER_MODES } from '../../crds/verifier.ts';
import { CLIENT_CONFIG, INSTALLED_IN, KUBECTL, OPERATOR } from '../../installation/names.ts';
import { APPLY } from '../../installation/overlays.ts';
import { isForbidden } from '../../kube/errors.ts';
import { ConfigMap } from '../../kube/kinds.ts';
import type { Kind, KubeClient, KubeObject } from '../../kube/types.ts';
import { PROFILE_NAMES } from '../../providers/profiles/profiles.ts';
import { CliError } from '../failures/error.ts';
import { isNamespaceName } from './namespace.ts';
import type { ClientConfig, Session } from './types.ts';

/** As far as an installation says with one where it is. */
export const ClusterRole: Kind<KubeObject> = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  namespaced: false,
};

/** What the installation in this cluster tells clients, wherever it is. Throws SB-E008 where there is none. */
export async function readClientConfig(kube: KubeClient): Promise<ClientConfig> {
  // Both at once: most installations are in the default namespace. What it says counts only if no admin says otherwise.
  const usual = readIn(kube, OPERATOR.namespace);
  usual.catch(() => {});
  const namespace = (await namespaceOf(kube)) ?? OPERATOR.namespace;
  const found = await (namespace === OPERATOR.namespace ? usual : readIn(kube, namespace));
  if (!found) throw absent(`there is no ConfigMap ${CLIENT_CONFIG} in namespace ${namespace}`);
  return { ...parse(found.data ?? {}), operatorNamespace: namespace };
}

const readIn = (kube: KubeClient, namespace: string): Promise<ConfigMap | undefined> =>
  kube.get(ConfigMap, { namespace, name: CLIENT_CONFIG }).catch((error: unknown) => {
    if (isForbidden(error)) throw absent(error.message, error);
    throw error;
  });

/** Undefined where nobody has said it: there is no installation, or one of a version that did not. */
async function namespaceOf(kube: KubeClient): Promise<string | undefined> {
  const role = await kube.get(ClusterRole, { namespace: '', name: CLIENT_CONFIG }).catch((error: unknown) => {
    if (isForbidden(error)) return undefined;
    throw error;
  });
  const said = role?.metadata.annotations?.[INSTALLED_IN];
  if (said === undefined || isNamespaceName(said)) return said;
  throw absent(`ClusterRole ${CLIENT_CONFIG} names ${JSON.stringify(said)}, which is no namespace`);
}

/** The namespace of the operator for what is said to people; the default one where that cannot be found out, so nothing secret may go there. */
export const operatorNamespace = (session: Pick<Session, 'client'>): Promise<string> =>
  session.client().then(
    (client) => client.operatorNamespace,
    () => OPERATOR.namespace,
  );

/** A line with commands in the default namespace of the operator, for an operator in `namespace`. */
export const inOperatorNamespace = (line: string, namespace: string): string =>
  line.replaceAll(`${KUBECTL} `, `kubectl -n ${namespace} `);

function parse(data: Record<string, string>): Omit<ClientConfig, 'operatorNamespace'> {
  const { profile, bucket, region, operatorVersion, verifierMode } = data;
  const wrong = Object.entries({ profile, bucket, region, operatorVersion }).flatMap(([key, value]) =>
    value === undefined || value === '' ? [key] : [],
  );
  const known = PROFILE_NAMES.find((name) => name === profile);
  if (known === undefined) wrong.push('profile');
  const mode = VERIFIER_MODES.find((name) => name === verifierMode);
  if (verifierMode && mode === undefined) wrong.push('verifierMode');
  if (wrong.length > 0)
    throw absent(`ConfigMap ${CLIENT_CONFIG} has no usable ${[...new Set(wrong)].join(', ')}`);
  return {
    profile: known as ClientConfig['profile'],
    bucket: bucket as string,
    region: region as string,
    operatorVersion: operatorVersion as string,
    ...(mode && { verifierMode: mode }),
    ...optional(data),
  };
}

/** What an installation need not say; nothing is said by an empty value. */
function optional({ endpoint, publicEndpoint, kmsKeyId, brokerUrl, storeSecret }: Record<string, string>) {
  const all = { endpoint, publicEndpoint, kmsKeyId, brokerUrl, storeSecret };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value)) as Partial<typeof all>;
}

const absent = (why: string, cause?: unknown): CliError =>
  new CliError('SB-E008', {
    what: 'cannot find sb-operator in this cluster',
    why,
    fix: `${APPLY}    (in a checkout of sb-operator; or choose another --context)`,
    cause,
  });
