/** From an assignment to its model proxy. Loaded only where there is one. */
import { randomBytes } from 'node:crypto';
import type { Assignment } from '../../wire/assignment.ts';
import { AttemptFailure } from '../failure.ts';
import { assignedEnv, type Env } from '../task/values.ts';
import { proxiedEndpoint, throughProxy } from './assigned.ts';
import { startModelProxy, type ModelProxy, type ModelProxyOptions } from './proxy.ts';

/** In the place of a key: as long as those are. */
const TOKEN_BYTES = 32;

export type OpenOptions = Pick<ModelProxyOptions, 'agents' | 'port' | 'note' | 'clean'> & { secrets: Env };

/** A proxy with a token of its own, and the assignment that knows nothing else. Throws SecretNotFound for a key that did not arrive. */
export async function openModel(
  assignment: Assignment,
  { secrets, ...options }: OpenOptions,
): Promise<{ model: ModelProxy; assignment: Assignment }> {
  const endpoint = proxiedEndpoint(assignment);
  if (!endpoint) throw new AttemptFailure('CourierFailed', 'the agent has no model that the courier calls');
  const variables = assignment.steps[0].agent.env.filter(({ name }) => name === endpoint.key);
  const key = assignedEnv(variables, secrets)[endpoint.key];
  const token = `sb-${randomBytes(TOKEN_BYTES).toString('base64url')}`;
  const webTools = assignment.steps.every(({ agent }) => agent.webTools);
  const own = { endpoint, token, webTools, key: key === '' ? undefined : key };
  const model = await startModelProxy({ ...options, ...own });
  return { model, assignment: throughProxy(assignment, { port: model.port, token }) };
}
