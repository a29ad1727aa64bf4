import { HOURS_A_MONTH, PRICED_REGION, type Price } from '../../client/cloud/prices.ts';
import { hourly, type CloudStack, type Thing } from '../../client/cloud/things.ts';
import { dollars } from '../../text/figures.ts';
import { safeLine } from '../../text/safe.ts';
import { style } from './style.ts';
import type { Terminal } from '../types.ts';

/** What would be made and what it costs on stdout; what is missing for that on stderr, a line each. */
export function printCloud(
  terminal: Terminal,
  { stacks, missing }: { stacks: readonly CloudStack[]; missing: readonly string[] },
): void {
  const { strong, faint } = style({ color: terminal.color && terminal.outIsTTY });
  for (const { name, kept, things } of stacks) {
    terminal.out(
      `${strong(safeLine(name))}${kept ? faint(' (stays when the rest goes)') : ''}\n${linesOf(things)}\n`,
    );
  }
  terminal.out(`${totalOf(stacks)}\n`);
  const { bad } = style(terminal);
  for (const line of missing) terminal.err(`${bad('missing:')} ${safeLine(line)}\n`);
}

function linesOf(things: readonly Thing[]): string {
  const width = Math.max(...things.map(({ what }) => what.length));
  return things.map((thing) => `  ${thing.what.padEnd(width)}  ${costOf(thing)}\n`).join('');
}

const costOf = ({ prices, cost, count }: Thing): string =>
  cost ?? (prices.length === 0 ? 'free' : prices.map((price) => wordsOf(price, count)).join(', '));

/** What is paid by the hour is paid for each; the rest by what it holds or does. */
const wordsOf = ({ usd, per }: Price, count: number): string =>
  per === 'hour' ? `${dollars(usd * count)} per hour` : `${dollars(usd)} per ${per}`;

function totalOf(stacks: readonly CloudStack[]): string {
  const usd = hourly(stacks);
  const priced = stacks.flatMap(({ things }) => things).flatMap(({ prices }) => prices);
  const seen = priced.map((price) => price.seen).sort();
  return [
    `While no Trial runs: ${dollars(usd)} per hour, about ${dollars(usd * HOURS_A_MONTH)} a month, and the operator’s node.`,
    `List prices of ${PRICED_REGION}, last seen between ${seen[0]} and ${seen.at(-1)}: other regions cost more or less.`,
  ].join('\n');
}
