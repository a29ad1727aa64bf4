/** Pure: what an agent is told of a model that the courier calls for it. */
import { agentFacts } from '../../crds/agents.ts';
import { PROVIDERS } from '../../crds/providers.ts';
import type { AssignedAgent, AssignedEndpoint, AssignedVariable, Assignment } from '../../wire/assignment.ts';

/** The model that the courier calls; undefined where the agent does that by itself, or has none. Agents of all steps have the same. */
export function proxiedEndpoint({
  steps,
  regrade,
}: Pick<Assignment, 'steps' | 'regrade'>): AssignedEndpoint | undefined {
  const { endpoint } = steps[0].agent;
  return !regrade && endpoint?.access === 'Proxy' ? endpoint : undefined;
}

/** Of a base URL, without a slash at its end. */
export const basePath = (baseUrl: string): string => new URL(baseUrl).pathname.replace(/\/$/, '');

export interface Stand {
  port: number;
  token: string;
}

/** The same with the proxy for the model, and the token for the key: what is made of it has no key. */
export function throughProxy(assignment: Assignment, stand: Stand): Assignment {
  const [first, ...others] = assignment.steps;
  const through = (step: typeof first): typeof first => ({ ...step, agent: agentThrough(step.agent, stand) });
  return { ...assignment, steps: [through(first), ...others.map(through)] };
}

function agentThrough(agent: AssignedAgent, { port, token }: Stand): AssignedAgent {
  const { endpoint } = agent;
  if (!endpoint) return agent;
  const baseUrl = `http://127.0.0.1:${port}${basePath(PROVIDERS[endpoint.provider].baseUrl)}`;
  const given: AssignedVariable[] = [
    { name: endpoint.key, value: token },
    // Scripts of a user's own may go by one name for all providers.
    ...(agentFacts(agent.name)?.scripts ? [{ name: 'SB_MODEL_KEY', value: token }] : []),
  ];
  const isOther = ({ name }: AssignedVariable): boolean => !given.some((one) => one.name === name);
  return { ...agent, endpoint: { ...endpoint, baseUrl }, env: [...agent.env.filter(isOther), ...given] };
}
