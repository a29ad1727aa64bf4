/** Pure: the outcome as a termination message and as `outcome.json`. */
import { FINDING_MESSAGE_MAX, FINDINGS_MAX } from '../../crds/findings.ts';
import type { Finding } from '../../crds/findings.ts';
import type { Assignment } from '../../wire/assignment.ts';
import { MESSAGE_MAX_BYTES, OUTCOME_MAX_BYTES, STEPS_LISTED_MAX } from '../../wire/limits.ts';
import type { Outcome, StepOutcome, StoredOutcome } from '../../wire/outcome.ts';

const FINDING_SHORT = 64;

const cut = (text: string, chars: number): string => {
  if (text.length <= chars) return text;
  return `${text.slice(0, chars - 1).replace(/[\ud800-\udbff]$/, '')}…`;
};

type End = Pick<Outcome, 'result' | 'exception'>;

/** All free texts at most so long. */
function withTexts<T extends End>(end: T, chars: number): T {
  const { exception } = end;
  return {
    ...end,
    result: shortResult(end.result, chars),
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

/** Free texts of an outcome, which may quote what an agent or a test wrote, without the values of secrets. */
export function withoutSecrets(outcome: Outcome, clean: (text: string) => string): Outcome {
  const findings = outcome.findings.map((finding) => ({ ...finding, message: clean(finding.message) }));
  const cleaned = { ...cleanEnd(outcome, clean), findings };
  const { steps } = cleaned;
  if (!steps) return cleaned;
  const { stopped } = steps;
  return {
    ...cleaned,
    steps: {
      ...steps,
      listed: steps.listed.map((step) => cleanEnd(step, clean)),
      ...(stopped !== undefined && { stopped: clean(stopped) }),
    },
  };
}

function cleanEnd<T extends End>(end: T, clean: (text: string) => string): T {
  const { result, exception } = end;
  const text =
    result.kind === 'failed'
      ? { message: clean(result.message) }
      : result.kind === 'rewarded' &&
        result.obstructed !== undefined && { obstructed: clean(result.obstructed) };
  return {
    ...end,
    result: { ...result, ...text },
    ...(exception && { exception: { ...exception, message: clean(exception.message) } }),
  };
}

/** With shorter messages; below what the API takes, one of each code. */
function withFindings(outcome: Outcome, chars: number): Outcome {
  const short = outcome.findings.slice(0, FINDINGS_MAX).map(({ code, message }) => ({
    code,
    message: chars > 0 ? cut(message, chars) : '',
  }));
  const isOther = ({ code }: Finding, index: number): boolean =>
    chars === FINDING_MESSAGE_MAX || short.findIndex((first) => first.code === code) === index;
  return { ...outcome, findings: short.filter(isOther) };
}

/** Only the first `count` rewards; `reward` itself is a field of its own. An exception says so where there is none already. */
function withRewards<T extends End>(end: T, count: number): T {
  const { result } = end;
  if (result.kind !== 'rewarded') return end;
  const entries = Object.entries(result.rewards);
  if (entries.length <= count) return end;
  return {
    exception: { type: 'RewardsTruncated', message: leftOut(result, count), phase: 'verifier' },
    ...end,
    result: { ...result, rewards: Object.fromEntries(entries.slice(0, count)) },
  };
}

/** The same, and an exception that is another one says so too. */
function withNotedRewards(outcome: Outcome, count: number): Outcome {
  const shortened = withRewards(outcome, count);
  const { result, exception } = outcome;
  if (shortened === outcome || !exception || result.kind !== 'rewarded') return shortened;
  const message = `${exception.message}; ${leftOut(result, count)}`;
  return { ...shortened, exception: { ...exception, message } };
}

const leftOut = ({ rewards }: Outcome['result'] & { kind: 'rewarded' }, kept: number): string => {
  const all = Object.keys(rewards).length;
  return `${all - kept} of ${all} rewards are left out for their length; the reward file has all`;
};

const bytes = (outcome: Outcome): number => Buffer.byteLength(JSON.stringify(outcome));

/** Ever shorter versions; the last has no text that anybody else chose the length of. */
function* shorter(outcome: Outcome): Generator<Outcome> {
  yield withFindings(withTexts(outcome, 1024), FINDING_MESSAGE_MAX);
  const brief = withFindings(withTexts(outcome, 256), FINDING_SHORT);
  yield brief;
  const count = outcome.result.kind === 'rewarded' ? Object.keys(outcome.result.rewards).length : 0;
  for (let kept = count; kept > 0; kept = Math.floor(kept / 2)) yield withNotedRewards(brief, kept);
  yield withRewards(withFindings(withTexts(outcome, 64), 0), 0);
}

/** The first of `versions` that is small enough, else the last. */
function firstThatFits<T>(versions: Iterable<T>, fits: (version: T) => boolean): T {
  let last: T | undefined;
  for (const version of versions) {
    last = version;
    if (fits(version)) break;
  }
  if (last === undefined) throw new Error('there is always a version');
  return last;
}

/** At most MESSAGE_MAX_BYTES of JSON, and no step: long texts are cut, then findings and rewards beyond what fits are left out, with a note. */
function summaryOf(outcome: Outcome): Outcome {
  const { steps, ...rest } = outcome;
  const summary = { ...rest, ...(steps && { steps: { ran: steps.ran, listed: [] } }) };
  return firstThatFits(shorter(summary), (version) => bytes(version) <= MESSAGE_MAX_BYTES);
}

/** The termination message: JSON of at most MESSAGE_MAX_BYTES. */
export const outcomeMessage = (outcome: Outcome): string => JSON.stringify(summaryOf(outcome));

/** What a step may keep, ever less: characters of a text, and rewards. */
const STEP_BOUNDS = [
  { chars: 1024, rewards: Number.POSITIVE_INFINITY },
  { chars: 256, rewards: 16 },
  { chars: 64, rewards: 2 },
];

/** Ever shorter and fewer steps. */
function* fewerSteps(steps: StepOutcome[]): Generator<StepOutcome[]> {
  const first = steps.slice(0, STEPS_LISTED_MAX);
  let kept = first;
  for (const { chars, rewards } of STEP_BOUNDS) {
    kept = first.map((step) => withRewards(withTexts(step, chars), rewards));
    yield kept;
  }
  for (let count = kept.length - 1; count >= 0; count -= 1) yield kept.slice(0, count);
}

const SKIPPED_BYTES = 2048;

/** The first of the names of those that did not run, in short. */
function withSkipped({ skipped = [], stopped, ...steps }: NonNullable<Outcome['steps']>) {
  let left = SKIPPED_BYTES;
  const named = skipped.slice(0, STEPS_LISTED_MAX).filter((name) => {
    left -= Buffer.byteLength(JSON.stringify(name));
    return left > 0;
  });
  return {
    ...steps,
    ...(named.length > 0 && { skipped: named }),
    ...(stopped !== undefined && { stopped: cut(stopped, 256) }),
  };
}

/** The contents of `outcome.json`, at most OUTCOME_MAX_BYTES: what the message says, and of the steps as many as there is room for. */
export function outcomeFile({ uid, attempt }: Assignment['trial'], outcome: Outcome): string {
  const { steps: _counted, ...summary } = summaryOf(outcome);
  const fileOf = (listed: StepOutcome[]): string => {
    const whole = { ...summary, ...(outcome.steps && { steps: { ...withSkipped(outcome.steps), listed } }) };
    return `${JSON.stringify({ version: 1, trial: { uid, attempt }, outcome: whole } satisfies StoredOutcome)}\n`;
  };
  const listed = firstThatFits(
    fewerSteps(outcome.steps?.listed ?? []),
    (some) => Buffer.byteLength(fileOf(some)) <= OUTCOME_MAX_BYTES,
  );
  return fileOf(listed);
}
