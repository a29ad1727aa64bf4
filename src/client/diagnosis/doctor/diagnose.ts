/** `sb doctor`: everything that a run depends on, looked at from where the user is. */
import { explain } from '../../failures/explain.ts';
import { openSession } from '../../session/session.ts';
import type { Diagnosis, CheckResult } from '../../documents/cluster.ts';
import type { Surroundings } from '../../session/types.ts';
import type { Session, SessionOptions } from '../../session/types.ts';
import { clusterChecks, machineChecks, API_SERVER } from './checks.ts';
import { examine, withoutEchoes } from './examine.ts';
import { skipped } from './check-result.ts';
import { identityOf } from './identity.ts';

export interface DoctorOptions extends SessionOptions {
  /** Absolute. */
  jobsDir: string;
  /** Also put, read and delete an object in the store. */
  writeProbe: boolean;
  /** How long a check may take, in milliseconds. Default: ten seconds. */
  limitMs?: number;
}

/** Looks at everything at once. Takes little more than ten seconds, whatever hangs. */
export async function diagnose(options: DoctorOptions, io: Surroundings): Promise<Diagnosis> {
  const machine = examine(machineChecks, options, options.limitMs);
  const session = opened(options, io);
  if ('check' in session)
    return diagnosis([
      session,
      ...clusterChecks.map(({ name, subject }) => ({
        check: name,
        ...skipped(`${subject} could not be checked`, 'there is no cluster to ask'),
      })),
      ...(await machine),
    ]);
  try {
    const identity = once(() => identityOf(session));
    const patient = { session, identity, env: io.env, writeProbe: options.writeProbe };
    const findings = withoutEchoes(await examine(clusterChecks, patient, options.limitMs), API_SERVER);
    const { context, namespace } = session;
    return { context, namespace, ...diagnosis([kubeconfigOf(session), ...findings, ...(await machine)]) };
  } finally {
    await session.close();
  }
}

const diagnosis = (findings: CheckResult[]): Diagnosis => ({
  fine: !findings.some(({ state }) => state === 'problem'),
  findings,
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
