/** Pure: what an agent failed with for its model, and what to do about it. */
import { AGENT_FAILURES, type AgentFailureType } from '../../../crds/agent-failures.ts';
import type { Trial } from '../../../crds/trial.ts';
import type { Explained } from './evidence.ts';

const STEPS = 'sb trial show <trial> --steps';
const LATER = 'sb run rerun <run> --only model    (once the provider answers again)';
const SAME = (type: AgentFailureType): string => `sb run rerun <run> --only error=${type}`;

/** What is so, in words that follow the meaning of the type; then what to do. */
const ADVICE: Record<AgentFailureType, readonly [why: string, ...next: string[]]> = {
  ApiRateLimitError: [
    'the agent gave up after its own retries',
    LATER,
    'run fewer Trials at once: a quota on Trials in the namespace, or a Kueue queue    (docs/agents.md)',
  ],
  ApiUsageLimitError: [
    'retries do not help until the account has credit again',
    'look at the account of the provider, then: sb run rerun <run> --only model',
  ],
  ApiOverloadedError: ['the agent gave up after its own retries', LATER],
  ApiInternalServerError: ['the agent gave up after its own retries', LATER],
  ApiConnectionClosedError: ['the agent did not get over it', LATER],
  ApiResponseStalledError: ['the agent did not get over it', LATER],
  NetworkConnectionError: [
    'either the provider or gateway is down, or the way to it is closed',
    'sb agent check -a <agent> -m <model>    (where its model answers)',
    'environment.network of the Trial    (with modelAccess Direct the model’s host has to be allowed)',
    LATER,
  ],
  UnknownApiError: ['the message is the provider’s own', STEPS, LATER],
  AgentAuthenticationError: [
    'the key is missing, wrong, expired, or of another provider',
    'sb agent check -a <agent> -m <model>    (under which variable the key is expected)',
    'run it again with sb cloud run and the right key: a rerun has the Secret of this run',
  ],
  ModelNotFoundError: [
    'the name is misspelled, or the account or gateway does not offer the model',
    'run it again with sb cloud run and another -m',
  ],
  ContextWindowExceededError: [
    'this is the agent’s own doing, and its reward counts',
    STEPS,
    'sb cloud run … -m <a model with a larger context>',
  ],
  OutputTokenExceededError: ['this is the agent’s own doing, and its reward counts', STEPS],
  AgentSafetyRefusalError: ['this is the model’s answer, and the reward counts', STEPS],
  BudgetExceededError: [
    'its model was not called any more, and what it had done by then was judged',
    'sb cloud run … --max-tokens <more> --max-cost <more>',
    SAME('BudgetExceededError'),
  ],
};

const isKnown = (type: string): type is AgentFailureType => Object.hasOwn(AGENT_FAILURES, type);

/** Why a Trial has such an exception beside its result; undefined where it has none. */
export function agentFailureExplained({ spec: { agent }, status = {} }: Trial): Explained | undefined {
  const { exception } = status;
  if (!exception || !isKnown(exception.type)) return undefined;
  const { means, fault } = AGENT_FAILURES[exception.type];
  const [why, ...next] = ADVICE[exception.type];
  const apart = fault === 'model' ? ['it is counted apart: the reward says little about the agent'] : [];
  const named = { '<agent>': agent.name, '<model>': agent.model ?? '<model>' };
  return {
    why: [`${exception.type}: ${means}; ${why}`, `it said: ${exception.message}`, ...apart],
    next: next.map((line) => line.replace(/<agent>|<model>/g, (mark) => named[mark as keyof typeof named])),
  };
}
