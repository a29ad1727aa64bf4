/** What agents fail with for their models: a closed list. */
import type { Fault } from './reasons.ts';

/**
 * What an agent can fail with for its model, by the names that Harbor gives to them: types of a Trial's `exception`. The agent has retried what
 * can be retried; we do not, and its work is judged all the same. `fault`: `model` counts apart from zeros that the agent earned.
 */
export const AGENT_FAILURES = {
  ApiRateLimitError: { fault: 'model', means: 'the model’s provider refused for too many requests' },
  ApiUsageLimitError: { fault: 'model', means: 'the account’s quota or credit is used up' },
  ApiOverloadedError: { fault: 'model', means: 'the model’s provider is overloaded' },
  ApiInternalServerError: { fault: 'model', means: 'the model’s provider failed' },
  ApiConnectionClosedError: { fault: 'model', means: 'an answer of the model was cut off' },
  ApiResponseStalledError: { fault: 'model', means: 'an answer of the model did not go on' },
  NetworkConnectionError: { fault: 'model', means: 'the model’s provider could not be reached' },
  UnknownApiError: { fault: 'model', means: 'the model’s provider refused for another reason' },
  AgentAuthenticationError: { fault: 'definition', means: 'the model’s provider refused the key' },
  ModelNotFoundError: { fault: 'definition', means: 'the model’s provider has no such model' },
  ContextWindowExceededError: { fault: 'agent', means: 'the conversation outgrew the model’s context' },
  OutputTokenExceededError: { fault: 'agent', means: 'an answer outgrew the limit of its tokens' },
  AgentSafetyRefusalError: { fault: 'agent', means: 'the model refused to do it' },
  BudgetExceededError: { fault: 'agent', means: 'the Trial’s maxTokens or maxCostUsd is used up' },
} as const satisfies Record<string, { fault: Fault; means: string }>;

export type AgentFailureType = keyof typeof AGENT_FAILURES;

/** Whose fault an exception is that a reward came with, where it tells. */
export const faultOfException = (type: string | null | undefined): Fault | undefined =>
  typeof type === 'string' && Object.hasOwn(AGENT_FAILURES, type)
    ? AGENT_FAILURES[type as AgentFailureType].fault
    : undefined;
