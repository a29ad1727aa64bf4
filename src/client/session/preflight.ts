/** What must be so before anything is changed in a cluster. Every check names what is missing and who gives it. */
import { GROUP } from '../../crds/names.ts';
import { ApiError, isForbidden } from '../../kube/errors.ts';
import { Namespace } from '../../kube/kinds.ts';
import type { Kind, KubeObject } from '../../kube/types.ts';
import { CliError } from '../failures/error.ts';
import { missingPermission, type MissingPermission } from '../failures/explain.ts';
import type { Session } from './types.ts';
import { checkInstalled } from './installed.ts';

/** A verb on a resource, in the session's namespace. */
export interface Need {
  verb: string;
  group: string;
  resource: string;
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
  spec: { resourceAttributes: { namespace: string; verb: string; group: string; resource: string } };
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

/** What `sb` needs for Trials in its namespace, by verb. */
export const mayOnTrials = (...verbs: readonly string[]): Need[] =>
  verbs.map((verb) => ({ verb, group: GROUP, resource: 'trials' }));
