/** Pure: the outcome as a termination message. */
import { MESSAGE_MAX_BYTES } from '../../crds/courier-protocol.ts';
import type { Outcome } from '../../crds/courier-protocol.ts';

const FINDING_SHORT = 64;

const cut = (text: string, chars: number): string => {
  if (text.length <= chars) return text;
  return `${text.slice(0, chars - 1).replace(/[\ud800-\udbff]$/, '')}…`;
};

function withText(result: Outcome['result'], chars: number): Outcome['result'] {
  if (result.kind === 'failed') return { ...result, message: cut(result.message, chars) };
  const isObstructed = result.kind === 'rewarded' && result.obstructed !== undefined;
  return isObstructed ? { ...result, obstructed: cut(result.obstructed ?? '', chars) } : result;
}

/** All free texts at most so long. */
function withTexts(outcome: Outcome, chars: number): Outcome {
  const { result, exception } = outcome;
  return {
    ...outcome,
    result: withText(result, chars),
    ...(exception && {
      exception: { ...exception, type: cut(exception.type, 128), message: cut(exception.message, chars) },
    }),
  };
}

/** Each text and the list at most so long. Something stays of a list that was not empty: it decides the verdict. */
function few(texts: string[], count: number, called: string): string[] {
  if (texts.length <= count && texts.every((text) => text.length <= FINDING_SHORT)) return texts;
  const kept = texts.slice(0, count).map((text) => cut(text, FINDING_SHORT));
  const dropped = texts.length - kept.length;
  return dropped > 0 ? [...kept, `${dropped} more ${called}`] : kept;
}

const withFindings = (outcome: Outcome, count: number): Outcome => ({
  ...outcome,
  integrity: few(outcome.integrity, count, 'findings'),
  ...(outcome.doubts && { doubts: few(outcome.doubts, count, 'reasons for doubt') }),
});

/** Only the first `count` rewards, with a note; `reward` itself is a field of its own. */
function withRewards(outcome: Outcome, count: number): Outcome {
  const { result } = outcome;
  if (result.kind !== 'rewarded') return outcome;
  const entries = Object.entries(result.rewards);
  if (entries.length <= count) return outcome;
  const note = `${entries.length - count} of ${entries.length} rewards are left out for their length; the reward file has all`;
  const shortened = {
    ...outcome,
    result: { ...result, rewards: Object.fromEntries(entries.slice(0, count)) },
  };
  return outcome.exception
    ? { ...shortened, integrity: [...outcome.integrity, note] }
    : { ...shortened, exception: { type: 'RewardsTruncated', message: note, phase: 'verifier' } };
}

const bytes = (outcome: Outcome): number => Buffer.byteLength(JSON.stringify(outcome));

/** Ever shorter versions; the last has no text that anybody else chose the length of. */
function* shorter(outcome: Outcome): Generator<Outcome> {
  yield withTexts(outcome, 1024);
  const brief = withFindings(withTexts(outcome, 256), 4);
  yield brief;
  const count = outcome.result.kind === 'rewarded' ? Object.keys(outcome.result.rewards).length : 0;
  for (let kept = count; kept > 0; kept = Math.floor(kept / 2)) yield withRewards(brief, kept);
  yield withRewards(withFindings(withTexts(outcome, 64), 0), 0);
}

/** JSON of at most MESSAGE_MAX_BYTES: long texts are cut, then findings and rewards beyond what fits are left out, with a note. */
export function outcomeMessage(outcome: Outcome): string {
  let last = outcome;
  for (const version of shorter(outcome)) {
    last = version;
    if (bytes(version) <= MESSAGE_MAX_BYTES) break;
  }
  return JSON.stringify(last);
}
