/** Adds up what was used. */
import { present } from '../../crds/present.ts';
import { USAGE_MODELS_MAX } from '../../crds/trial-status.ts';
import type { Usage } from '../../crds/trial-status.ts';

const COUNTS = ['inputTokens', 'cacheTokens', 'outputTokens', 'costUsd'] as const;

/** `inputTokens` includes those that were read from a cache or written to one, as Harbor counts. */
export type Counts = Pick<Usage, (typeof COUNTS)[number]>;

/** The sum of what answers, or steps, used; undefined where there is nothing to add. */
export function totalUsage(usages: readonly Usage[]): Usage | undefined {
  const [first] = usages;
  if (!first) return undefined;
  const models = Map.groupBy(
    usages.flatMap((usage) => usage.models ?? []),
    ({ model }) => model,
  );
  const byModel = [...models].map(([model, used]) => ({ model, ...sumOf(used) }));
  return {
    ...sumOf(usages),
    ...(byModel.length > 0 && { models: byModel.slice(0, USAGE_MODELS_MAX) }),
    // Less can be relied on where one of them is the agent's own word.
    ...present({
      countedBy: usages.find(({ countedBy }) => countedBy === 'Agent')?.countedBy ?? first.countedBy,
    }),
  };
}

function sumOf(used: readonly Counts[]): Counts {
  const total: Counts = {};
  for (const one of used)
    for (const name of COUNTS) if (one[name] !== undefined) total[name] = (total[name] ?? 0) + one[name];
  return total;
}
