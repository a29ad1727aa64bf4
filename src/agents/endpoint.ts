/** Pure: where a model answers, as different programs want to be told. */
import { PROVIDERS, type ProviderName } from '../crds/providers.ts';
import type { ModelGiven } from './agent.ts';

/** The base URL with what the program, or what it is made of, does not add of its own accord. */
export const baseUrlOf = (
  { provider, baseUrl }: ModelGiven,
  added: Partial<Record<ProviderName, string>> = {},
): string => `${baseUrl ?? PROVIDERS[provider].baseUrl}${added[provider] ?? ''}`;
