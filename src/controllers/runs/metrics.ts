/** What the Trials of all runs used, for dashboards: each is counted once, when its record comes into its run's index. */
import { Counter, type Registry } from 'prom-client';
import { faultOfException } from '../../crds/agent-failures.ts';
import { agentFacts } from '../../crds/agents.ts';
import type { TrialRecord } from '../../results/record.ts';

/** Takes the record of a Trial that has ended. */
export type CountTrial = (record: TrialRecord) => void;

/**
 * Counters by the agent's own name, never by its title or model: what users call things has no bound. A leader that ends between index and
 * counter leaves some uncounted: exact sums are in the runs' `result.json`.
 */
export function trialMetrics(registry: Registry): CountTrial {
  const registers = [registry];
  const tokens = new Counter({
    name: 'sb_trial_tokens_total',
    help: 'Tokens that the agents of Trials used, as far as they are known; input includes cached ones',
    labelNames: ['agent', 'kind'],
    registers,
  });
  const cost = new Counter({
    name: 'sb_trial_cost_usd_total',
    help: 'US dollars that the models of Trials cost, as far as their prices are known',
    labelNames: ['agent'],
    registers,
  });
  const failures = new Counter({
    name: 'sb_trial_model_failures_total',
    help: 'Trials that met a failure of their model’s provider, by exception',
    labelNames: ['agent', 'type'],
    registers,
  });
  return (record) => {
    const agent = agentFacts(record.agent) ? record.agent : 'custom';
    for (const [kind, field] of KINDS) tokens.inc({ agent, kind }, addend(record[field]));
    cost.inc({ agent }, addend(record.cost_usd));
    const { exception_type: type } = record;
    if (type !== null && faultOfException(type) === 'model') failures.inc({ agent, type });
  };
}

/** A counter takes nothing else. */
const addend = (value: number | null): number =>
  value !== null && value > 0 && Number.isFinite(value) ? value : 0;

const KINDS = [
  ['input', 'n_input_tokens'],
  ['cached', 'n_cache_tokens'],
  ['output', 'n_output_tokens'],
] as const;
