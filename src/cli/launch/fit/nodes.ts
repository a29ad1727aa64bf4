/** Whether the Pods of a run fit on the nodes that are there, their couriers counted. */
import { Node } from '../../../kube/kinds.ts';
import { hasKarpenter } from '../../../client/diagnosis/doctor/capacity/karpenter.ts';
import {
  allocatable,
  mostFor,
  obstacle,
  requestsOfTrial,
  type Amounts,
} from '../../../client/diagnosis/doctor/capacity/room.ts';
import { CliError } from '../../../client/failures/error.ts';
import type { PlannedTask, RunPlan } from '../../../client/runs/plan/types.ts';
import type { Session } from '../../../client/session/types.ts';

const GPU = 'nvidia.com/gpu';
const SHOWN = 5;

/**
 * `--no-provision`, a run that is to do with the nodes that are there: throws SB-E018 for tasks that none of the nodes could hold even if nothing else ran there, SB-E006 where the user may not list nodes. What
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
function wishOf({ trials }: PlannedTask) {
  const { environment, scheduling } = trials[0]?.spec ?? {};
  const { nodeSelector = {}, tolerations = [] } = scheduling ?? {};
  const { resources, gpus = 0 } = environment ?? {};
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
function said({ cpu, memory, 'ephemeral-storage': disk }: Amounts, gpus: number): string {
  const gibibytes = (bytes: number): string => `${Number((bytes / 2 ** 30).toFixed(1))}Gi`;
  const more = gpus > 0 ? `, ${gpus} GPUs` : '';
  return `${Number(cpu.toFixed(2))} CPUs, ${gibibytes(memory)} of memory, ${gibibytes(disk)} of disk${more}`;
}

const wantedOf = (planned: PlannedTask): string => {
  const { amounts, gpus } = wishOf(planned);
  return `${planned.task.name} wants ${said(amounts, gpus)}, its courier included`;
};

const roomOf = (node: Node): string => {
  const why = obstacle(node);
  return `node ${node.metadata.name} has ${said(allocatable(node), gpusOf(node))}${why === undefined ? '' : `, and ${why}`}`;
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
    fix: `leave out --no-provision where nodes are added as they are needed, or ${lessFor(tasks, nodes)}`,
  });

const firstOf = (lines: readonly string[]): string[] =>
  lines.length <= SHOWN ? [...lines] : [...lines.slice(0, SHOWN), `… and ${lines.length - SHOWN} more`];
