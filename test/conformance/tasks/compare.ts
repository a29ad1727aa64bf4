/** What has come of a task, held against its rule. Pure. */
import { AGENTS } from './rule.ts';
import type { AgentName, Expected, HarborRun, HarborResult, Rule } from './rule.ts';

/** One Trial, as its result.json and the files beside it say. */
export interface Found {
  rewards: Record<string, number> | null;
  reason: string;
  exception: string | null;
  /** Contents by path, of those that the rule asks for. */
  files: Record<string, string | undefined>;
}

/** `left out: …` of sb, for a task that was refused. */
export interface Refused {
  refused: string;
}

/** Says rule, expected and found; undefined where they agree. */
export function difference(
  { task, rule, results = {} }: Rule,
  expected: Expected,
  found: Found | Refused | undefined,
): string | undefined {
  const agrees =
    found !== undefined && ('refused' in expected ? isRefused(expected, found) : isResult(expected, found));
  const odd = found && 'files' in found ? wrongFiles(results, found.files).map(({ told }) => told) : [];
  if (agrees && odd.length === 0) return undefined;
  const { files: _, ...told } = { files: undefined, ...found };
  return [
    `${task}: ${rule}`,
    `expected ${JSON.stringify(expected)}`,
    `found ${found ? JSON.stringify(told) : 'nothing'}`,
    ...odd,
  ].join('\n');
}

const isRefused = ({ refused }: Refused, found: Found | Refused): boolean =>
  'refused' in found && found.refused.includes(refused);

function isResult(expected: Exclude<Expected, Refused>, found: Found | Refused): boolean {
  if ('refused' in found) return false;
  const { rewards = null, reason = 'RewardObtained', exception = null } = expected;
  return (
    sorted(found.rewards) === sorted(rewards) && found.reason === reason && found.exception === exception
  );
}

const sorted = (rewards: Record<string, number> | null): string =>
  JSON.stringify(rewards && Object.entries(rewards).sort(([a], [b]) => (a < b ? -1 : 1)));

/** What Harbor comes to that is not as the rule has it, by agent. Reasons are ours alone, and count for nothing. */
export const otherInHarbor = (
  rule: Rule,
  results: Partial<Record<AgentName, HarborResult>> = {},
): [AgentName, HarborRun][] =>
  AGENTS.flatMap((agent): [AgentName, HarborRun][] => {
    const [expected, result] = [rule[agent], results[agent]];
    if (!expected || !result || result === 'not run here' || isAsInHarbor(expected, result)) return [];
    return [[agent, result]];
  });

function isAsInHarbor(expected: Expected, harbor: HarborRun): boolean {
  return (
    !('refused' in expected) &&
    sorted(harbor.rewards ?? null) === sorted(expected.rewards ?? null) &&
    harbor.exception === expected.exception &&
    harbor.files === undefined
  );
}

/** Those files that are not as a rule has them, each with a line that says so. */
export const wrongFiles = (
  results: NonNullable<Rule['results']>,
  files: Found['files'],
): { path: string; told: string }[] =>
  Object.entries(results)
    .filter(([path, wanted]) => !fits(wanted, files[path]))
    .map(([path, wanted]) => {
      const there =
        files[path] === undefined ? 'is missing' : `has ${JSON.stringify(files[path].slice(0, 500))}`;
      const what = typeof wanted === 'boolean' ? (wanted ? 'a file' : 'no file') : String(wanted);
      return { path, told: `${path} ${there}; expected ${what}` };
    });

const fits = (wanted: RegExp | boolean, contents: string | undefined): boolean =>
  typeof wanted === 'boolean'
    ? wanted === (contents !== undefined)
    : contents !== undefined && wanted.test(contents);
