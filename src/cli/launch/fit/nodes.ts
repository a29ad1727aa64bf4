/** `--no-provision`: a run that is to do with the nodes that are there. */
import { Node } from '../../../kube/kinds.ts';
import { allocatable, obstacle, requestsOfTrial, type Amounts } from '../../doctor/capacity/room.ts';
import { CliError } from '../../failure/error.ts';
import type { PlannedTask, RunPlan } from '../../plan/types.ts';
import type { Session } from '../../types.ts';

const GPU = 'nvidia.com/gpu';
const SHOWN = 5;

/**
 * Throws SB-E018 for tasks that none of the nodes could hold even if nothing else ran there, SB-E006 where the user may not list nodes. What
 * other Pods take is not counted: Trials wait for that.
 */
export async function checkNodes({ kube }: Pick<Session, 'kube'>, plan: RunPlan): Promise<void> {
  const nodes = await kube.list(Node);
  const homeless = plan.tasks.filter((planned) => !nodes.some((node) => canHold(node, planned)));
  if (homeless.length > 0) throw nowhere(homeless, nodes);
}

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

function nowhere(tasks: readonly PlannedTask[], nodes: readonly Node[]): CliError {
  const wanted = tasks.map((planned) => {
    const { amounts, gpus } = wishOf(planned);
    return `${planned.task.name} wants ${said(amounts, gpus)}, its courier included`;
  });
  const there = nodes.map((node) => {
    const why = obstacle(node);
    return `node ${node.metadata.name} has ${said(allocatable(node), gpusOf(node))}${why === undefined ? '' : `, and ${why}`}`;
  });
  return new CliError('SB-E018', {
    what: `no node that is there can hold ${tasks.length === 1 ? 'a task' : `${tasks.length} tasks`} of the run`,
    why: [...firstOf(wanted), ...firstOf(there)].join('\n') || 'the cluster has no node',
    fix: 'leave out --no-provision where nodes are added as they are needed, or ask for less: --cpus, --memory, --storage',
  });
}

const firstOf = (lines: readonly string[]): string[] =>
  lines.length <= SHOWN ? [...lines] : [...lines.slice(0, SHOWN), `… and ${lines.length - SHOWN} more`];
