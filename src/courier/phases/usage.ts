/** What an agent used, by what it wrote itself: so every number is checked before it goes into an outcome. */
import { readSync } from 'node:fs';
import { join, relative } from 'node:path';
import { present } from '../../crds/present.ts';
import type { Usage } from '../../crds/trial-status.ts';
import { below, openSafely, withOpened } from '../results/safe-open.ts';
import type { Opened } from '../results/safe-open.ts';
import type { Step } from '../task/steps.ts';

/** Agents say what they used last. */
const TAIL_BYTES = 1024 * 1024;

/** What the agent says that it used; undefined where it says nothing that is any. `logs`: the courier's own path of `/logs`. */
export function usageOf({ usage, command }: NonNullable<Step['agent']>, logs: string): Usage | undefined {
  if (!usage || command.stdout === undefined) return undefined;
  const said = usage(tailOf(logs, relative('/logs/agent', command.stdout)));
  const checked =
    said &&
    present({
      inputTokens: count(said.inputTokens),
      cacheTokens: count(said.cacheTokens),
      outputTokens: count(said.outputTokens),
      costUsd:
        said.costUsd !== undefined && Number.isFinite(said.costUsd) && said.costUsd >= 0
          ? said.costUsd
          : undefined,
    });
  return checked && Object.keys(checked).length > 0 ? checked : undefined;
}

const count = (tokens: number | undefined): number | undefined =>
  tokens !== undefined && Number.isSafeInteger(tokens) && tokens >= 0 ? tokens : undefined;

/** The end of a file of the agent's; empty where there is none that can be read. */
function tailOf(logs: string, name: string): string {
  const folder = openSafely(join(logs, 'agent'), 'folder');
  if (typeof folder === 'string') return '';
  return withOpened(folder, ({ fd }) => {
    const file = openSafely(below(fd, name), 'file');
    return typeof file === 'string' ? '' : withOpened(file, endOf);
  });
}

function endOf({ fd, stats }: Opened): string {
  const bytes = Buffer.alloc(Math.min(stats.size, TAIL_BYTES));
  const length = readSync(fd, bytes, 0, bytes.length, stats.size - bytes.length);
  return bytes.toString('utf8', 0, length);
}

/** The sum of what steps used. */
export const totalUsage = (usages: Usage[]): Usage | undefined => {
  const total: Usage = {};
  for (const usage of usages)
    for (const [name, used] of Object.entries(usage) as [keyof Usage, number][])
      total[name] = (total[name] ?? 0) + used;
  return usages.length > 0 ? total : undefined;
};
