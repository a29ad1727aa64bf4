/** Pure: whether tests reward an agent that does nothing. */
import { byText } from '../../../text/by-text.ts';
import type { TrialLine } from './line.ts';

const NAMED = 5;

/** What to tell of tasks whose tests gave the agent nop a reward; undefined where none did. Not yet safe for a terminal. */
export function rewardedNop(
  lines: Iterable<Pick<TrialLine, 'agent' | 'task' | 'reward'>>,
): string | undefined {
  const tasks = new Set<string>();
  for (const { agent, task, reward = 0 } of lines) if (agent === 'nop' && reward > 0) tasks.add(task);
  if (tasks.size === 0) return undefined;
  const shown = [...tasks].sort(byText).slice(0, NAMED).join(', ');
  const more = tasks.size > NAMED ? ` and ${tasks.size - NAMED} more` : '';
  return `warning: the agent nop, which does nothing, earned a reward: the tests of ${shown}${more} give it without the work`;
}
