/** What must be so before anything is changed in a cluster. Every check names what is missing and who gives it. */
import { GROUP, API_VERSION, VERSION } from '../../crds/names.ts';
import { ApiError, isForbidden, isNotFound } from '../../kube/errors.ts';
import { Namespace } from '../../kube/kinds.ts';
import type { Kind, KubeObject, KubeClient } from '../../kube/types.ts';
import { CliError } from '../failures/error.ts';
import { missingPermission, type MissingPermission } from '../failures/explain.ts';
import type { Session } from './types.ts';

/** A verb on a resource, in the session's namespace. */
export interface Need {
  verb: string;
  group: string;
  resource: string;
  /** Default: the resource itself. */
  subresource?: string;
  /** Default: any of the namespace. */
  name?: string;
}

/** How long the first request may take: a cluster behind a dead VPN never refuses. */
const REACHABLE_MS = 10_000;

/** Throws the first of SB-E004, E005, E007, E009 and E006 that holds. */
export async function preflight(session: Session, needs: readonly Need[]): Promise<void> {
  await checkReachable(session);
  await Promise.all([checkInstalled(session), checkNamespace(session)]);
  await checkPermissions(session, needs);
}

/** Throws SB-E004 where the API server does not answer in ten seconds. Resolves to the version of Kubernetes. */
export async function checkReachable({ kubeParts, context }: Session): Promise<string> {
  const signal = AbortSignal.timeout(REACHABLE_MS);
  try {
    const answer = await kubeParts.transport.send({ method: 'GET', path: '/version', signal });
    return (JSON.parse(answer) as { gitVersion: string }).gitVersion;
  } catch (error) {
    if (error instanceof ApiError && error.status !== 0) throw error;
    const server = kubeParts.kubeConfig.getCurrentCluster()?.server ?? '';
    throw new CliError('SB-E004', {
      what: `cannot talk to the cluster of context ${context}`,
      why: signal.aborted
        ? `${server} did not answer within ${REACHABLE_MS / 1000} s`
        : `${server}: ${(error as Error).message.replace(/^GET \/version: /, '')}`,
      fix: `kubectl --context ${context} cluster-info    (is the cluster up, and the VPN or proxy?)`,
      cause: error,
    });
  }
}

/** Throws SB-E009. Who may not look at namespaces is told by the first request that needs it. */
async function checkNamespace({ kube, namespace, context }: Session): Promise<void> {
  const found = await kube.get(Namespace, { namespace: '', name: namespace }).catch((error: unknown) => {
    if (isForbidden(error)) return 'unknown';
    throw error;
  });
  if (found) return;
  throw new CliError('SB-E009', {
    what: `cannot use the namespace ${namespace}`,
    why: `the cluster of context ${context} has no such namespace`,
    fix: `kubectl --context ${context} create namespace ${namespace}    (or choose another with -n)`,
  });
}

interface AccessReview extends KubeObject {
  spec: { resourceAttributes: Need & { namespace: string } };
  status?: { allowed: boolean; reason?: string };
}

const SelfSubjectAccessReview: Kind<AccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  namespaced: false,
};

/** Throws SB-E006 with everything that the user may not do and this command needs. */
async function checkPermissions(session: Session, needs: readonly Need[]): Promise<void> {
  const missing = await missingOf(session, needs);
  const [first] = missing;
  if (!first) return;
  const all = missing.map(({ verb, resource, group }) => `${verb} ${resource}${group && `.${group}`}`);
  throw missingPermission(first, {
    why: `the cluster says no to: ${all.join(', ')}`,
    others: missing.slice(1),
  });
}

/** Those of the needs that the user does not have. */
export async function missingOf(session: Session, needs: readonly Need[]): Promise<MissingPermission[]> {
  const { kube, namespace } = session;
  const answers = await Promise.all(
    needs.map(async (need) => {
      const review = await kube.create(SelfSubjectAccessReview, {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        metadata: { name: '' },
        spec: { resourceAttributes: { ...need, namespace } },
      });
      return review.status?.allowed === true ? [] : [{ ...need, namespace }];
    }),
  );
  return answers.flat();
}

/** What `/apis/<group>` says; everybody who is logged in may read it. */
interface ApiGroup {
  versions: { version: string }[];
}

/** A part of an OpenAPI schema: what the API server publishes, or what our types say. */
interface SchemaPart {
  properties?: Record<string, SchemaPart>;
  items?: SchemaPart;
  required?: string[];
}

/** Versions of our group that the API server serves; empty where it does not know the group. */
export async function servedVersions(kube: KubeClient): Promise<string[]> {
  try {
    const group = (await kube.raw(`/apis/${GROUP}`)) as ApiGroup;
    return group.versions.map(({ version }) => version);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** Throws SB-E007 where our resources are missing, of another version, or older than this `sb`. */
export async function checkInstalled({ kube, context }: Session): Promise<void> {
  const versions = await servedVersions(kube);
  const refuse = (why: string, fix: string): never => {
    throw new CliError('SB-E007', {
      what: `cannot use the custom resources in the cluster of context ${context}`,
      why,
      fix,
    });
  };
  const apply = 'kubectl apply --server-side -k config/crd    (in a checkout of sb-operator)';
  if (versions.length === 0) refuse(`the cluster has no resources of ${GROUP}`, apply);
  if (!versions.includes(VERSION))
    refuse(`the cluster has ${GROUP}/${versions.join(', ')}; this sb speaks ${API_VERSION}`, apply);
  const missing = await missingFields(kube);
  if (missing.length > 0)
    refuse(`they are older than this sb: they do not know ${missing.slice(0, 5).join(', ')}`, apply);
}

/** Fields of ours that the cluster's schema does not have, as `Trial spec.agent.name`, or that it requires and ours does not, as `Trial spec.environment (optional)`. */
export async function missingFields(kube: KubeClient): Promise<string[]> {
  const [{ definitions }, document] = await Promise.all([
    import('../../crds/kinds.ts'),
    kube.raw(`/openapi/v3/apis/${API_VERSION}`) as Promise<{
      components?: { schemas?: Record<string, SchemaPart> };
    }>,
  ]);
  const published = Object.entries(document.components?.schemas ?? {});
  return definitions.flatMap(({ spec: { names, versions } }) => {
    const theirs = published.find(([name]) => name.endsWith(`.${VERSION}.${names.kind}`))?.[1];
    const ours = versions[0]?.schema.openAPIV3Schema as SchemaPart;
    return absentFrom(ours, theirs ?? {}).map((field) => `${names.kind} ${field}`);
  });
}

/** Paths that `ours` has and `theirs` has not; what lies below a missing field is not named. */
function absentFrom(ours: SchemaPart, theirs: SchemaPart): string[] {
  const own = Object.entries(ours.properties ?? {}).flatMap(([name, field]) => {
    const other = theirs.properties?.[name];
    if (!other) return [name];
    return absentFrom(field, other).map((path) => `${name}.${path}`);
  });
  const demanded = (theirs.required ?? [])
    .filter((name) => ours.properties?.[name] && !ours.required?.includes(name))
    .map((name) => `${name} (optional)`);
  const items = ours.items ? absentFrom(ours.items, theirs.items ?? {}) : [];
  return [...own, ...demanded, ...items];
}
