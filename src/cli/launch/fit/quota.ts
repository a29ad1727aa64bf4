/** Whether a run fits into the namespace's quotas, as far as the user may read them. */
import { amountOf } from '../../../crds/refusals.ts';
import { isForbidden } from '../../../kube/errors.ts';
import { ResourceQuota } from '../../../client/diagnosis/doctor/kinds.ts';
import { CliError } from '../../../client/failures/error.ts';
import { summary, type PlanSummary } from '../../../client/runs/plan/summary.ts';
import type { RunPlan } from '../../../client/runs/plan/types.ts';
import { findUnchanged } from '../../../client/runs/submit/existing.ts';
import type { Session } from '../../../client/session/types.ts';

/** What the run takes of a quota's resource, and how amounts of it are said. */
interface Taken {
  of: (plan: PlanSummary) => number;
  say: (amount: number) => string;
}

const gibibytes = (bytes: number): string => `${Number((bytes / 2 ** 30).toFixed(1))}Gi`;
const COUNT: Taken = { of: ({ trials }) => trials, say: String };
const CORES: Taken = {
  of: ({ requests }) => requests.cores,
  say: (cores) => String(Number(cores.toFixed(1))),
};
const MEMORY: Taken = { of: ({ requests }) => requests.memoryBytes, say: gibibytes };
const STORAGE: Taken = { of: ({ requests }) => requests.storageBytes, say: gibibytes };

/** The one whose end refuses Trials; at the end of the others they wait. */
const TRIALS = 'count/trials.sb.abundant.ai';

const TAKEN: Record<string, Taken> = {
  [TRIALS]: COUNT,
  'count/jobs.batch': COUNT,
  pods: COUNT,
  'count/pods': COUNT,
  'requests.cpu': CORES,
  cpu: CORES,
  'requests.memory': MEMORY,
  memory: MEMORY,
  'requests.ephemeral-storage': STORAGE,
};

interface Shortage {
  quota: string;
  resource: string;
  /** `2 of 10 used, all Trials together want 50`. */
  said: string;
}

/** Each limit that all Trials together would go beyond; undefined where the user may not read quotas. */
async function shortages(
  { kube, namespace }: Pick<Session, 'kube' | 'namespace'>,
  plan: PlanSummary,
): Promise<{ quotas: number; lacking: Shortage[] } | undefined> {
  const quotas = await kube.list(ResourceQuota, { namespace }).catch((error: unknown) => {
    if (isForbidden(error)) return undefined;
    throw error;
  });
  return quotas && { quotas: quotas.length, lacking: quotas.flatMap((quota) => exceeded(plan, quota)) };
}

function exceeded(plan: PlanSummary, { metadata: { name }, status }: ResourceQuota): Shortage[] {
  return Object.entries(status?.hard ?? {}).flatMap(([resource, hard]) => {
    const taken = TAKEN[resource];
    const used = status?.used?.[resource] ?? '0';
    if (!taken || taken.of(plan) <= amountOf(hard) - amountOf(used)) return [];
    const wanted = taken.say(taken.of(plan));
    return [{ quota: name, resource, said: `${used} of ${hard} used, all Trials together want ${wanted}` }];
  });
}

/** For a dry run. Throws as `checkQuotas` does. */
export async function quotaLines(session: Session, plan: RunPlan, signal: AbortSignal): Promise<string[]> {
  const found = await shortages(session, summary(plan));
  if (!found) return ['quotas: you may not read them'];
  if (found.lacking.length > 0) return checkQuotas(session, plan, signal);
  return [`quotas: ${found.quotas === 0 ? 'none' : 'the run fits'}`];
}

/**
 * Resolves to a line for each quota that will make Trials wait. Throws SB-E017 where a quota on Trials has no room for those that are still to
 * be created: nothing is stored or created then.
 */
export async function checkQuotas(session: Session, plan: RunPlan, signal: AbortSignal): Promise<string[]> {
  const { lacking = [] } = (await shortages(session, summary(plan))) ?? {};
  if (lacking.length === 0) return [];
  const left = without(plan, await findUnchanged(session, plan, signal));
  const still = (await shortages(session, summary(left)))?.lacking ?? [];
  const refusing = still.find(({ resource }) => resource === TRIALS);
  if (refusing) throw noRoom(refusing, { run: plan.run, namespace: session.namespace });
  return still.map(({ quota, resource, said }) => `quota ${quota}: ${resource}: ${said}; the others wait`);
}

const without = (plan: RunPlan, names: ReadonlySet<string>): RunPlan => ({
  ...plan,
  tasks: plan.tasks.map((task) => ({
    ...task,
    trials: task.trials.filter(({ metadata }) => !names.has(metadata.name)),
  })),
});

const noRoom = (
  { quota, resource, said }: Shortage,
  { run, namespace }: { run: string; namespace: string },
): CliError =>
  new CliError('SB-E017', {
    what: `the quota ${quota} of namespace ${namespace} has no room for the run ${run}`,
    why: `${resource}: ${said}`,
    fix: `kubectl describe resourcequota ${quota} -n ${namespace}    (delete runs that are over, ask for more, or run fewer: -l, -k)`,
  });
