/** Pure: the outcome as a termination message. */
import { MESSAGE_MAX_BYTES } from '../../wire/limits.ts';
import type { Outcome } from '../../wire/outcome.ts';

const FINDING_SHORT = 64;
/** Bounds of the API. */
const FINDING_MAX = 256;
const FINDINGS_MAX = 16;

const cut = (text: string, chars: number): string => {
  if (text.length <= chars) return text;
  return `${text.slice(0, chars - 1).replace(/[\ud800-\udbff]$/, '')}…`;
};

/** All free texts at most so long, and findings no longer than the operator takes. */
function withTexts(outcome: Outcome, chars: number): Outcome {
  const { exception, integrity, doubts } = outcome;
  const bounded = (findings: string[]): string[] =>
    findings.slice(0, FINDINGS_MAX).map((text) => cut(text, FINDING_MAX));
  return {
    ...outcome,
    result: shortResult(outcome.result, chars),
    integrity: bounded(integrity),
    ...(doubts && { doubts: bounded(doubts) }),
    ...(exception && {
      exception: { ...exception, type: cut(exception.type, 128), message: cut(exception.message, chars) },
    }),
  };
}

function shortResult(result: Outcome['result'], chars: number): Outcome['result'] {
  if (result.kind === 'failed') return { ...result, message: cut(result.message, chars) };
  if (result.kind === 'unverified' || result.obstructed === undefined) return result;
  return { ...result, obstructed: cut(result.obstructed, chars) };
}

/** Each finding and the lists of them at most so long. */
function withFindings(outcome: Outcome, count: number): Outcome {
  const { integrity, doubts } = outcome;
  return {
    ...outcome,
    integrity: shortList(integrity, count),
    ...(doubts && { doubts: shortList(doubts, count) }),
  };
}

function shortList(findings: string[], count: number): string[] {
  if (findings.length <= count && findings.every((text) => text.length <= FINDING_SHORT)) return findings;
  const kept = findings.slice(0, count).map((text) => cut(text, FINDING_SHORT));
  const dropped = findings.length - kept.length;
  return dropped > 0 ? [...kept, `${dropped} more findings`] : kept;
}

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
