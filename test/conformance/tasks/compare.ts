/** What has come of a task, held against its rule. Pure. */
import type { Expected, Rule } from './rule.ts';

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
  const odd = found && 'files' in found ? wrongFiles(results, found.files) : [];
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

const wrongFiles = (results: NonNullable<Rule['results']>, files: Found['files']): string[] =>
  Object.entries(results)
    .filter(([path, wanted]) => !fits(wanted, files[path]))
    .map(([path, wanted]) => {
      const there =
        files[path] === undefined ? 'is missing' : `has ${JSON.stringify(files[path].slice(0, 500))}`;
      return `${path} ${there}; expected ${typeof wanted === 'boolean' ? (wanted ? 'a file' : 'no file') : String(wanted)}`;
    });

const fits = (wanted: RegExp | boolean, contents: string | undefined): boolean =>
  typeof wanted === 'boolean'
    ? wanted === (contents !== undefined)
    : contents !== undefined && wanted.test(contents);
