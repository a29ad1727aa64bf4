/** What a run's machines may cost, in dollars: a range, since nobody knows how long agents take. */
import { amountOf } from '../../crds/refusals.ts';
import type { RunPlan } from '../../client/runs/plan/types.ts';
import type { TrialManifest } from '../../tasks/index.ts';

/** On-demand prices of general-purpose EC2 machines in us-east-1, an hour: between Graviton on spot and Intel on demand. */
const CORE_HOUR = { from: 0.012, to: 0.042 };
const GIB_HOUR = { from: 0.0015, to: 0.0053 };
/** No Trial is shorter than its Pod's start. */
const SHORTEST_SECONDS = 15;
const DEFAULT_SECONDS = 600;

/** `$0.01 – $0.42 of EC2 machines …`: from Trials that end at once to Trials that use all of their timeouts. */
export function costLine({ tasks }: RunPlan): string {
  const costs = tasks.flatMap(({ trials }) => trials.map(costOf));
  const from = costs.reduce((sum, cost) => sum + cost.from, 0);
  const to = costs.reduce((sum, cost) => sum + cost.to, 0);
  const range = to < 0.01 ? 'less than $0.01' : `$${from.toFixed(2)} – $${to.toFixed(2)}`;
  return `${range} of EC2 machines, by requests and timeouts; models, builds and storage not counted`;
}

function costOf({ spec }: TrialManifest): { from: number; to: number } {
  const { cpu = '500m', memory = '512Mi' } = spec.environment?.resources?.requests ?? {};
  const [cores, gibibytes] = [amountOf(cpu), amountOf(memory) / 2 ** 30];
  const longest =
    (spec.agent?.timeoutSeconds ?? DEFAULT_SECONDS) + (spec.verifier?.timeoutSeconds ?? DEFAULT_SECONDS);
  const hours = { from: SHORTEST_SECONDS / 3600, to: Math.max(longest, SHORTEST_SECONDS) / 3600 };
  const at = (end: 'from' | 'to'): number =>
    hours[end] * (cores * CORE_HOUR[end] + gibibytes * GIB_HOUR[end]);
  return { from: at('from'), to: at('to') };
}
