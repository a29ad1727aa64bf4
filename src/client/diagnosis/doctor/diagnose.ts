/** `sb doctor`: everything that a run depends on, looked at from where the user is. */
import type { Kind, KubeObject } from '../../../kube/types.ts';
import { explain } from '../../failures/explain.ts';
import { OPERATOR } from '../../../installation/names.ts';
import { inOperatorNamespace, operatorNamespace } from '../../session/client-config.ts';
import { openSession } from '../../session/session.ts';
import type { Diagnosis, CheckResult } from '../../documents/cluster.ts';
import type { Surroundings, Session, SessionOptions } from '../../session/types.ts';
import { examine, withoutEchoes, skipped, type Check, type Patient } from './check.ts';
import { autoscaling } from './autoscaling.ts';
import { imagePulls, nodeChecks } from './nodes.ts';
import { quota } from './room.ts';
import { apiServer, clusterChecks } from './cluster.ts';
import { network } from './network.ts';
import { permissions } from './permissions.ts';
import { broker } from './broker.ts';
import { operator } from './operator.ts';
import { sandboxes } from './sandboxes.ts';
import { programs } from './programs.ts';
import { storeChecks } from './store.ts';
import { disk } from './disk.ts';
import { awsChecks } from './aws/checks.ts';
import { awsPlace } from './aws/place.ts';
import { scaleTest, type ScaleOptions } from '../scale/scale.ts';

/** The answer has the API server's clock in its creationTimestamp. */
interface SelfSubjectReview extends KubeObject {
  status?: { userInfo?: { username?: string } };
}
const SelfSubjectReview: Kind<SelfSubjectReview> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  namespaced: false,
};

interface DoctorOptions extends SessionOptions {
  /** Absolute. */
  jobsDir: string;
  /** Also put, read and delete an object in the store. */
  writeProbe: boolean;
  /** Also make Pods, to see which nodes come for them. */
  scale?: ScaleOptions;
  /** How long a check may take, in milliseconds. Default: ten seconds. */
  limitMs?: number;
}

/** What is looked at, in the order in which it is printed. A new check goes into the list of its file, or into this one. */
const CHECKS: readonly Check<Patient>[] = [
  ...clusterChecks,
  permissions,
  operator,
  broker,
  sandboxes,
  network,
  ...storeChecks,
  programs,
  quota,
  ...nodeChecks,
  autoscaling,
  imagePulls,
  ...awsChecks,
];

/** Looks at everything at once. Takes little more than ten seconds, whatever hangs; a scale test comes after that. Throws only where that is interrupted. */
export async function diagnose(options: DoctorOptions, io: Surroundings): Promise<Diagnosis> {
  const machine = examine([disk], options, options.limitMs);
  const session = opened(options, io);
  if ('check' in session)
    return diagnosis([
      session,
      ...CHECKS.map(({ name, subject }) => ({
        check: name,
        ...skipped(`${subject} could not be checked`, 'there is no cluster to ask'),
      })),
      ...(await machine),
    ]);
  try {
    const identity = once(() => identityOf(session));
    const aws = once(() => awsPlace(session));
    const patient = { session, identity, env: io.env, writeProbe: options.writeProbe, aws };
    // Asked with everything else, and not waited for: an API server that does not answer has had its time then.
    let installedIn: string = OPERATOR.namespace;
    void operatorNamespace(session).then((found) => (installedIn = found));
    const examined = withoutEchoes(await examine(CHECKS, patient, options.limitMs), apiServer.name);
    const { context, namespace } = session;
    const scaled = options.scale ? await scaleTest(session, options.scale) : [];
    const results = [...examined, ...scaled].map((result) => ({
      ...result,
      ...(result.fix !== undefined && { fix: inOperatorNamespace(result.fix, installedIn) }),
    }));
    return { context, namespace, ...diagnosis([kubeconfigOf(session), ...results, ...(await machine)]) };
  } finally {
    await session.close();
  }
}

const diagnosis = (results: CheckResult[]): Diagnosis => ({
  fine: !results.some(({ state }) => state === 'problem'),
  results,
});

/** A session, or why there is none. */
function opened(options: SessionOptions, io: Surroundings): Session | CheckResult {
  try {
    return openSession(options, io);
  } catch (error) {
    const { what, why, fix, code } = explain(error);
    return { check: 'kubeconfig', state: 'problem', what, why, fix, code };
  }
}

function kubeconfigOf({ context, namespace, kubeParts }: Session): CheckResult {
  const server = kubeParts.kubeConfig.getCurrentCluster()?.server ?? '';
  const what = `context ${context}, namespace ${namespace}, ${server}`;
  return { check: 'kubeconfig', state: 'fine', what };
}

/** Calls it at the first use; everybody gets the same promise. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** Who the API server takes us for, and what time it has. Everybody who is logged in may ask. */
async function identityOf({ kube, now }: Pick<Session, 'kube' | 'now'>): ReturnType<Patient['identity']> {
  const asked = now().getTime();
  const { metadata, status } = await kube.create(SelfSubjectReview, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'SelfSubjectReview',
    metadata: { name: '' },
  });
  const answered = now().getTime();
  const user = status?.userInfo?.username ?? '<you>';
  return { user, aheadMs: aheadMs(asked, answered, metadata?.creationTimestamp) };
}

/** How far our clock is ahead, given when we asked, when we had the answer, and the server's time between the two in whole seconds. */
export function aheadMs(asked: number, answered: number, server: string | undefined): number {
  if (server === undefined) return 0;
  const from = Date.parse(server);
  const until = from + 1000;
  if (answered < from) return answered - from;
  if (asked > until) return asked - until;
  return 0;
}
