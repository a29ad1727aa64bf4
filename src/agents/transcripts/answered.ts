import type { AgentFailureType } from '../../crds/agent-failures.ts';
import { present } from '../../crds/present.ts';
import type { StepMetrics } from '../../wire/trajectory.ts';
import type { AgentFailure } from '../agent.ts';
import type { Said } from './conversation.ts';
import type { ReportBuilder } from './report.ts';
import type { Counts } from './usage.ts';

/** Adds an answer, or its end, with what it used: to its step and to the total. */
export function answered(report: ReportBuilder, said: Said, used: Counts): void {
  report.agent({ ...said, metrics: metricsOf(used) });
  if (Object.keys(used).length > 0) report.uses(used, said.model);
}

export const metricsOf = ({ inputTokens, outputTokens, cacheTokens, costUsd }: Counts): StepMetrics =>
  present({
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    cached_tokens: cacheTokens,
    cost_usd: costUsd,
  });

/** Why an answer ended, in the words of the protocols and of those that gather them; what is usual is left out. */
const ENDS: Readonly<Record<string, AgentFailureType>> = {
  length: 'OutputTokenExceededError',
  max_tokens: 'OutputTokenExceededError',
  'content-filter': 'AgentSafetyRefusalError',
  content_filter: 'AgentSafetyRefusalError',
  refusal: 'AgentSafetyRefusalError',
};

/** What an answer failed with that ended like this; undefined where its end is a usual one. */
export function failureOfEnd(reason: string | undefined): AgentFailure | undefined {
  const type = reason === undefined ? undefined : ENDS[reason];
  return type && { type, message: `the answer ended with ${reason}` };
}
