import type { Doomed } from '../../client/cloud/lifecycle/down.ts';
import type { Preview, Standing } from '../../client/cloud/lifecycle/init.ts';
import { HOURS_A_MONTH, PRICED_REGION, PRICES, type Price } from '../../client/cloud/costs/prices.ts';
import type { InsideStatus, QuotaStatus, StackStatus } from '../../client/cloud/status.ts';
import { hourly, type CloudStack, type Thing } from '../../client/cloud/costs/things.ts';
import { dollars } from '../../text/figures.ts';
import { safe, safeLine } from '../../text/safe.ts';
import type { Change } from '../../providers/stacks/port.ts';
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

const STATES: Record<Standing['state'], string> = {
  there: 'is there',
  missing: 'will be made',
  differs: 'will be changed',
  'at work': 'something else is at work on it; sb waits for it',
};

/** What becomes of each step, on stdout. */
export function printStandings(terminal: Terminal, found: readonly Standing[]): void {
  terminal.out('\n');
  for (const { step, state } of found) terminal.out(`${safeLine(step.name)}: ${STATES[state]}\n`);
}

const CHANGES: Record<Change['action'], string> = {
  Add: '+',
  Import: '+',
  Modify: '~',
  Remove: '-',
  Dynamic: '?',
};

/** The changes of each stack, a line each. */
export function printPreviews(terminal: Terminal, previews: readonly Preview[]): void {
  for (const { step, changes, why } of previews) {
    const head = why ?? (changes.length === 0 ? 'nothing to change' : `${changes.length} changes`);
    terminal.out(`${step.name}: ${safeLine(head)}\n`);
    for (const { action, resource, type, replaces } of changes)
      terminal.out(
        `  ${CHANGES[action]} ${safeLine(`${resource} (${type})`)}${action === 'Import' ? ', which is there' : ''}${replaces ? ', in place of what is there' : ''}\n`,
      );
  }
}

/** What is going to be deleted, and what is kept. */
export function printDoomed(
  terminal: Terminal,
  { place, found, purge }: { place: string; found: Doomed; purge: boolean },
): void {
  terminal.out(`to be deleted in ${place}:\n`);
  for (const { step, shows } of found.steps) {
    terminal.out(`${safeLine(step.name)}\n`);
    for (const line of shows) terminal.out(`  ${safeLine(line)}\n`);
  }
  for (const { kind, name, contents } of found.kept)
    terminal.out(
      `${kind} ${safeLine(name)}${contents ? ` with ${contents.more ? 'more than ' : ''}${contents.count} versions of objects` : ''}\n`,
    );
  if (!purge) terminal.out('stack artifacts stays, with results, images and logs; --purge deletes them\n');
}

/** By a part of its ARN: what costs by the hour. */
const COSTLY: readonly (readonly [RegExp, number])[] = [
  [/:natgateway\//, PRICES.natGateway.usd],
  [/:elastic-ip\//, PRICES.publicAddress.usd],
  [/^arn:[^:]*:eks:.*:cluster\//, PRICES.controlPlane.usd],
];
const LEFT_SHOWN = 20;

/** What has the installation's tag still. */
export function printLeftovers(terminal: Terminal, arns: readonly string[]): void {
  if (arns.length === 0) return;
  const price = (arn: string): number => COSTLY.find(([part]) => part.test(arn))?.[1] ?? 0;
  const sum = arns.reduce((all, arn) => all + price(arn), 0);
  terminal.out(
    `${arns.length} more with its tag, about ${dollars(sum)} per hour without instances (AWS lists what is gone for some minutes more):\n`,
  );
  for (const arn of arns.slice(0, LEFT_SHOWN)) terminal.out(`  ${safeLine(arn)}\n`);
  if (arns.length > LEFT_SHOWN) terminal.out(`  … and ${arns.length - LEFT_SHOWN} more\n`);
}

const DIFFERENCES_SHOWN = 10;

/** How each stack stands, and what all of it costs. */
export function printCloudStatus(terminal: Terminal, place: string, found: readonly StackStatus[]): void {
  terminal.out(`in ${place}:\n`);
  const width = Math.max(...found.map(({ name }) => name.length));
  for (const { name, status, reason, differs } of found) {
    const line = `${safeLine(name).padEnd(width)}  ${safeLine(status ?? 'is not there')}`;
    terminal.out(`${line}${reason === undefined ? '' : `: ${safeLine(reason)}`}\n`);
    if (differs.length === 0) continue;
    const more =
      differs.length > DIFFERENCES_SHOWN ? `, … and ${differs.length - DIFFERENCES_SHOWN} more` : '';
    const shown = differs.slice(0, DIFFERENCES_SHOWN).map(safeLine).join(', ');
    terminal.out(`  differs from what this sb makes: ${shown}${more}; sb cloud init changes it\n`);
  }
  const usd = found.reduce((sum, stack) => sum + stack.hourly, 0);
  terminal.out(
    `${dollars(usd)} per hour, about ${dollars(usd * HOURS_A_MONTH)} a month, without nodes, at list prices of ${PRICED_REGION}\n`,
  );
}

/** What of the cluster is not as this version makes it. */
export function printInside(terminal: Terminal, found: InsideStatus | undefined): void {
  if (!found) return;
  const { differs, unknown } = found;
  if (differs.length > 0)
    terminal.out(
      `in the cluster, not as this sb makes it: ${differs.map(safeLine).join(', ')}; sb cloud init changes it\n`,
    );
  if (unknown !== undefined) terminal.out(`in the cluster, not to be seen: ${safeLine(unknown)}\n`);
}

/** The account's quotas against the settings. */
export function printQuotas(terminal: Terminal, found: QuotaStatus | undefined): void {
  if (!found) return;
  if ('why' in found) return terminal.out(`quotas are not to be seen: ${safeLine(found.why)}\n`);
  const { quotas, settings, short } = found;
  const count = (value: number | undefined): string => (value === undefined ? 'unknown' : String(value));
  const most = (cpus: number | undefined): string =>
    cpus === undefined ? '' : ` (nodes of Trials may have ${cpus})`;
  const nodes = `${count(quotas.onDemand)} vCPUs on demand and ${count(quotas.spot)} of spot instances${most(settings.cpus)}`;
  const gpus =
    settings.gpuCpus === undefined
      ? ''
      : `, ${count(quotas.gpus)} vCPUs of nodes with GPUs (theirs may have ${settings.gpuCpus})`;
  terminal.out(
    `quotas: ${count(quotas.builds)} builds at once (SB_MAX_CONCURRENT_BUILDS is ${settings.builds}), ${nodes}${gpus}\n`,
  );
  for (const { what, why, fix } of short)
    terminal.out(
      `  ${safeLine(`${what}: ${why}`)}\n${fix
        .split('\n')
        .map((line) => `    ${safe(line)}\n`)
        .join('')}`,
    );
}
