import { VERIFIER_MODES } from '../../crds/verifier.ts';
import { CLIENT_CONFIG, OPERATOR } from '../../installation/names.ts';
import { APPLY } from '../../installation/overlays.ts';
import { isForbidden } from '../../kube/errors.ts';
import { ConfigMap } from '../../kube/kinds.ts';
import type { KubeClient } from '../../kube/types.ts';
import { PROFILE_NAMES } from '../../providers/profiles/profiles.ts';
import { CliError } from '../failures/error.ts';
import type { ClientConfig } from './types.ts';

/** What the installation in this cluster tells clients. Throws SB-E008 where there is none. */
export async function readClientConfig(kube: KubeClient): Promise<ClientConfig> {
  const found = await kube
    .get(ConfigMap, { namespace: OPERATOR.namespace, name: CLIENT_CONFIG })
    .catch((error: unknown) => {
      if (isForbidden(error)) throw absent(error.message, error);
      throw error;
    });
  if (!found) throw absent(`there is no ConfigMap ${CLIENT_CONFIG} in namespace ${OPERATOR.namespace}`);
  return parse(found.data ?? {});
}

function parse(data: Record<string, string>): ClientConfig {
  const { profile, bucket, region, endpoint, publicEndpoint, operatorVersion, verifierMode, brokerUrl } =
    data;
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
    ...(endpoint && { endpoint }),
    ...(publicEndpoint && { publicEndpoint }),
    ...(mode && { verifierMode: mode }),
    ...(brokerUrl && { brokerUrl }),
  };
}

const absent = (why: string, cause?: unknown): CliError =>
  new CliError('SB-E008', {
    what: 'cannot find sb-operator in this cluster',
    why,
    fix: `${APPLY}    (in a checkout of sb-operator; or choose another --context)`,
    cause,
  });
