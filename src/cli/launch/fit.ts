import { effectiveSpecs } from '../../client/runs/plan/effective.ts';
/** Whether a run fits: its Pods on the nodes that are there, their couriers counted, and all of it into the namespace’s quotas. */
import { Node } from '../../kube/kinds.ts';
import { hasKarpenter } from '../../client/diagnosis/doctor/autoscaling.ts';
import {
  allocatable,
  mostFor,
  obstacle,
  requestsOfTrial,
  type Amounts,
  ResourceQuota,
} from '../../client/diagnosis/doctor/room.ts';
import { CliError } from '../../client/failures/error.ts';
import type { PlannedTask, RunPlan } from '../../client/runs/plan/types.ts';
import type { Session } from '../../client/session/types.ts';
import { amountOf } from '../../crds/refusals.ts';
import { isForbidden } from '../../kube/errors.ts';
import { summary, type PlanSummary } from '../../client/runs/plan/summary.ts';
import { findUnchanged } from '../../client/runs/submit/existing.ts';

const GPU = 'nvidia.com/gpu';
const SHOWN = 5;

/**
 * `--no-new-nodes`, a run that is to do with the nodes that are there: throws SB-E018 for tasks that none of the nodes could hold even if nothing else ran there, SB-E006 where the user may not list nodes. What
 * other Pods take is not counted: Trials wait for that.
 */
export async function checkNodes({ kube }: Pick<Session, 'kube'>, plan: RunPlan): Promise<void> {
  const nodes = await kube.list(Node);
  const homeless = homelessIn(plan, nodes);
  if (homeless.length > 0) throw nowhere(homeless, nodes);
}

/**
 * Lines for a run that may wait for further nodes, where none of those that are there could hold a task and nothing is known to add others.
 * No lines where the user may not see nodes: it is a hint.
 */
export async function nodeLines({ kube }: Pick<Session, 'kube'>, plan: RunPlan): Promise<string[]> {
  const nodes = await kube.list(Node).catch(() => []);
  const homeless = homelessIn(plan, nodes);
  if (nodes.length === 0 || homeless.length === 0 || (await hasKarpenter(kube).catch(() => true))) return [];
  const count = homeless.length === 1 ? 'a task fits' : `${homeless.length} tasks fit`;
  return [
    `${count} on no node that is there; the Trials wait for a larger one:`,
    ...firstOf(homeless.map(wantedOf)).map((line) => `  ${line}`),
    ...firstOf(nodes.map(roomOf)).map((line) => `  ${line}`),
    `  to run on these nodes: ${lessFor(homeless, nodes)}`,
  ];
}

const homelessIn = ({ tasks }: RunPlan, nodes: readonly Node[]): PlannedTask[] =>
  tasks.filter((planned) => !nodes.some((node) => canHold(node, planned)));

/** All Trials of a task request the same. */
function wishOf(planned: PlannedTask) {
  const [spec] = effectiveSpecs({ tasks: [{ ...planned, trials: planned.trials.slice(0, 1) }] });
  const { nodeSelector = {}, tolerations = [] } = spec?.scheduling ?? {};
  const { resources, gpus = 0 } = spec?.environment ?? {};
  return { amounts: requestsOfTrial(resources?.requests), gpus, nodeSelector, tolerations };
}

function canHold(node: Node, planned: PlannedTask): boolean {
  const { amounts, gpus, nodeSelector, tolerations } = wishOf(planned);
  const has = allocatable(node);
  const { labels = {} } = node.metadata;
  return (
    obstacle(node, tolerations) === undefined &&
    Object.entries(nodeSelector).every(([key, value]) => labels[key] === value) &&
    Object.entries(amounts).every(([name, amount]) => has[name as keyof Amounts] >= amount) &&
    gpusOf(node) >= gpus
  );
}

const gpusOf = ({ status }: Node): number => Number(status?.allocatable?.[GPU] ?? 0);

/** `2 CPUs, 4Gi of memory, 30Gi of disk`. */
function amountsText({ cpu, memory, 'ephemeral-storage': disk }: Amounts, gpus: number): string {
  const more = gpus > 0 ? `, ${gpus} GPUs` : '';
  return `${Number(cpu.toFixed(2))} CPUs, ${gibibytes(memory)} of memory, ${gibibytes(disk)} of disk${more}`;
}

const wantedOf = (planned: PlannedTask): string => {
  const { amounts, gpus } = wishOf(planned);
  return `${planned.task.name} wants ${amountsText(amounts, gpus)}, its courier included`;
};

const roomOf = (node: Node): string => {
  const why = obstacle(node);
  return `node ${node.metadata.name} has ${amountsText(allocatable(node), gpusOf(node))}${why === undefined ? '' : `, and ${why}`}`;
};

const OPTIONS = { cpu: '--cpus', memory: '--memory', 'ephemeral-storage': '--storage' } as const;

/** The options that make the tasks fit on the largest node, as far as their sizes are what is wrong. */
function lessFor(tasks: readonly PlannedTask[], nodes: readonly Node[]): string {
  const rooms = nodes.filter((node) => obstacle(node) === undefined).map(allocatable);
  const options = (Object.keys(OPTIONS) as (keyof typeof OPTIONS)[]).flatMap((name) => {
    const room = Math.max(0, ...rooms.map((one) => one[name]));
    if (tasks.every((planned) => wishOf(planned).amounts[name] <= room)) return [];
    return [`${OPTIONS[name]} ${mostFor(name, room) ?? '<less>'}`];
  });
  return options.length > 0 ? `ask for less: ${options.join(' ')}` : 'see their labels, taints and GPUs';
}

const nowhere = (tasks: readonly PlannedTask[], nodes: readonly Node[]): CliError =>
  new CliError('SB-E018', {
    what: `no node that is there can hold ${tasks.length === 1 ? 'a task' : `${tasks.length} tasks`} of the run`,
    why:
      [...firstOf(tasks.map(wantedOf)), ...firstOf(nodes.map(roomOf))].join('\n') ||
      'the cluster has no node',
    fix: `leave out --no-new-nodes where nodes are added as they are needed, or ${lessFor(tasks, nodes)}`,
  });

const firstOf = (lines: readonly string[]): string[] =>
  lines.length <= SHOWN ? [...lines] : [...lines.slice(0, SHOWN), `… and ${lines.length - SHOWN} more`];

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
