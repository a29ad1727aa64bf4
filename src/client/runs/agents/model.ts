/** Pure: the model of an agent, as far as this side knows it: whose it is, where it answers, and which variable has its key. */
import { agentFacts, type AgentFacts } from '../../../crds/agents.ts';
import type { ModelAccess } from '../../../crds/agent.ts';
import { modelNamed, providerNames, PROVIDERS, type ProviderName } from '../../../crds/providers.ts';
import type { Contender } from '../plan/agents.ts';

export type ModelSeen =
  /** It uses none. */
  | { kind: 'none' }
  /** It decides by itself, and nothing more is known. */
  | { kind: 'open' }
  /** It has none of its own choice, and none is named. */
  | { kind: 'unnamed'; providers: readonly ProviderName[] }
  /** The provider is none that the agent knows. */
  | { kind: 'foreign'; providers: readonly ProviderName[] }
  | {
      kind: 'known';
      provider: ProviderName;
      /** As the provider knows it; missing: the agent's own choice. */
      name?: string;
      /** The variable with the key. */
      key: string;
      /** Where it answers, of the Trial or the provider's own. */
      baseUrl: string;
      access: ModelAccess;
    };

/** Proxy where the operator knows the agent's program. */
export const accessOf = (
  { modelAccess }: Contender['agent'],
  facts: Pick<AgentFacts, 'program'> | undefined,
): ModelAccess => modelAccess ?? (facts?.program ? 'Proxy' : 'Direct');

/** Of a custom agent those that its user says; all of them where its calls go through the courier, for its model names one. */
function providersOf(
  { providers, modelAccess }: Contender['agent'],
  facts: AgentFacts,
): readonly ProviderName[] {
  const all = facts.scripts && modelAccess !== undefined ? providerNames : facts.providers;
  return providers ?? all;
}

/** What is known of a contender's model. */
export function modelOf(
  { agent, model }: Contender,
  facts: AgentFacts | undefined = agentFacts(agent.name),
): ModelSeen {
  if (!facts || facts.model === 'none') return { kind: 'none' };
  const providers = providersOf(agent, facts);
  if (model === undefined && facts.model === 'required') return { kind: 'unnamed', providers };
  const [first] = providers;
  if (first === undefined) return { kind: 'open' };
  const named = model === undefined ? { provider: first } : modelNamed(model, providers);
  if (!named) return { kind: 'foreign', providers };
  const { key, baseUrl } = PROVIDERS[named.provider];
  return {
    kind: 'known',
    ...named,
    key,
    baseUrl: agent.baseUrl ?? baseUrl,
    access: accessOf(agent, facts),
  };
}

/** Names of the variables that its model's key is taken from. */
export function keysOf(contender: Contender, facts?: AgentFacts): string[] {
  const model = modelOf(contender, facts);
  return model.kind === 'known' ? [model.key] : [];
}
