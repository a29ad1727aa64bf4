/** Pure: an agent's model, by what its Trial or run says: whose it is, where it answers, which variable has its key, and who calls it. */
import type { ModelAccess } from './agent.ts';
import { agentFacts, type AgentFacts } from './agents.ts';
import { modelNamed, PROVIDER_NAMES, PROVIDERS, type ProviderName } from './providers.ts';

/** What is said of an agent. */
export interface AgentAsked {
  name: string;
  model?: string | undefined;
  modelAccess?: ModelAccess | undefined;
  baseUrl?: string | undefined;
  /** Of a custom agent: whose keys its user says that it needs. */
  providers?: readonly ProviderName[] | undefined;
}

export type AgentModel =
  /** It uses none. */
  | { kind: 'none' }
  /** It decides by itself, and nothing more is known. */
  | { kind: 'open' }
  /** It needs one, and none is named. */
  | { kind: 'unnamed'; providers: readonly ProviderName[] }
  /** The provider is none that the agent knows. */
  | { kind: 'foreign'; providers: readonly ProviderName[] }
  | KnownModel;

export interface KnownModel {
  kind: 'known';
  provider: ProviderName;
  /** As the provider knows it; missing: the agent's own choice. */
  name?: string;
  /** The variable with the key. */
  key: string;
  /** Where it answers, of the Trial or the provider's own; without a slash at its end. */
  baseUrl: string;
  access: ModelAccess;
}

/** Proxy where the operator knows the agent's program: what a custom agent does is its own affair, unless it asks. */
export const accessOf = (
  { modelAccess }: Pick<AgentAsked, 'modelAccess'>,
  facts: Pick<AgentFacts, 'scripts'> | undefined,
): ModelAccess => modelAccess ?? (facts && !facts.scripts ? 'Proxy' : 'Direct');

/** What is known of an agent's model. */
export function modelOf(
  asked: AgentAsked,
  facts: AgentFacts | undefined = agentFacts(asked.name),
): AgentModel {
  if (!facts || facts.model === 'none') return { kind: 'none' };
  const { providers, isNeeded, mustName } = choiceOf(asked, facts);
  if (asked.model === undefined && isNeeded) return { kind: 'unnamed', providers };
  if (providers.length === 0) return { kind: 'open' };
  const named = namedOf(asked.model, providers);
  if (!named || (mustName && named.name === asked.model)) return { kind: 'foreign', providers };
  return { kind: 'known', ...named, ...placeOf(named.provider, asked), access: accessOf(asked, facts) };
}

/** A custom agent has no provider of its own choice, so its model has to name one where somebody else is to call it. */
function choiceOf({ providers, modelAccess }: AgentAsked, facts: AgentFacts) {
  const mustName = facts.scripts && modelAccess !== undefined;
  return {
    mustName,
    providers: providers ?? (mustName ? PROVIDER_NAMES : facts.providers),
    isNeeded: mustName || facts.model === 'required',
  };
}

type Named = Pick<KnownModel, 'provider' | 'name'>;

/** Without a name it is one of the first provider. */
function namedOf(model: string | undefined, providers: readonly ProviderName[]): Named | undefined {
  const [provider] = providers;
  if (model !== undefined) return modelNamed(model, providers);
  return provider && { provider };
}

function placeOf(provider: ProviderName, asked: AgentAsked): Pick<KnownModel, 'key' | 'baseUrl'> {
  const { key, baseUrl } = PROVIDERS[provider];
  return { key, baseUrl: (asked.baseUrl ?? baseUrl).replace(/\/+$/, '') };
}

/** Names of the variables that its model's key is taken from. */
export function keysOf(asked: AgentAsked): string[] {
  const model = modelOf(asked);
  return model.kind === 'known' ? [model.key] : [];
}
