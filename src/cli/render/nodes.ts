import type { NodeCost, NodeGroup } from '../../client/cloud/costs/nodes.ts';
import { AUTO_MODE_SHARE, HOURS_A_MONTH } from '../../client/cloud/costs/prices.ts';
import type { NodesStatus, StackStatus } from '../../client/cloud/status.ts';
import { counted, dollars } from '../../text/figures.ts';
import { safeLine } from '../../text/safe.ts';
import type { Terminal } from '../types.ts';

const GROUPS_SHOWN = 20;

/** The nodes that there are now, what each costs, and what they cost with all else. */
export function printNodes(
  terminal: Terminal,
  found: NodesStatus | undefined,
  stacks: readonly StackStatus[],
): void {
  if (!found) return;
  if ('why' in found) return terminal.out(`nodes are not to be seen: ${safeLine(found.why)}\n`);
  const { groups } = found;
  if (groups.length === 0) return terminal.out('nodes: none now\n');
  terminal.out('nodes now:\n');
  const rows = groups.slice(0, GROUPS_SHOWN).map((group) => [wordsOf(group), eachOf(group)] as const);
  const width = Math.max(...rows.map(([words]) => words.length));
  for (const [words, each] of rows) terminal.out(`  ${words.padEnd(width)}  ${each}\n`);
  if (groups.length > GROUPS_SHOWN) terminal.out(`  … and ${groups.length - GROUPS_SHOWN} more kinds\n`);
  terminal.out(sumsOf(found, stacks));
}

const wordsOf = ({ count, type, capacity, zone }: NodeGroup): string =>
  safeLine(`${count} × ${type || 'unknown type'}${capacity && `, ${capacity}`}${zone && `, ${zone}`}`);

const eachOf = ({ each, atMost }: NodeGroup): string =>
  each === undefined ? '–' : `${atMost ? 'at most ' : ''}${dollars(each)} per hour each`;

const sums = (usd: number): string =>
  `${dollars(usd)} per hour, about ${dollars(usd * HOURS_A_MONTH)} a month`;

function sumsOf({ groups, ...cost }: NodeCost, stacks: readonly StackStatus[]): string {
  const { hourly, atMost, unknown, autoMode } = cost;
  if (groups.every(({ each }) => each === undefined)) return 'nodes: –, sb knows the price of none\n';
  const most = atMost ? 'at most ' : '';
  const notes = [
    ...(autoMode ? [`with about ${AUTO_MODE_SHARE * 100} % on top for Auto Mode`] : []),
    ...(atMost ? ['spot instances at their price on demand, which they do not exceed'] : []),
    ...(unknown > 0 ? [`without ${counted(unknown, 'node')} whose price sb does not know (–)`] : []),
  ];
  const all = hourly + stacks.reduce((sum, stack) => sum + stack.hourly, 0);
  return [
    `nodes: ${most}${sums(hourly)} if they stay${notes.map((note) => `; ${note}`).join('')}\n`,
    `all of it now: ${most}${sums(all)}\n`,
  ].join('');
}
