/**
 * How an attempt ended, as its courier reports it: whole in `outcome.json`, and without its steps in the termination message, which names the
 * digest of the whole. Anyone who can write in the Trial's namespace can write either, so nothing of them is believed before it is checked here.
 */
import { parsedJson } from '../text/json.ts';
import Value from 'typebox/value';
import { TRIAL_FAILED } from '../crds/reasons.ts';
import type { TrialFailedReason } from '../crds/reasons.ts';
import { choice, text, Type } from '../crds/schema.ts';
import { FINDINGS_MAX } from '../crds/findings.ts';
import { COUNTED_BY, Exception, Finding, PHASES, USAGE_MODELS_MAX } from '../crds/trial-status.ts';
import type { Phase } from '../crds/trial-status.ts';
import { sha256 as digestOf } from '../crds/names.ts';
import { MESSAGE_MAX_BYTES, STEPS_LISTED_MAX } from './limits.ts';

/** As `Date.toISOString` writes it. The API server refuses a status with any other text in place of a time. */
const Time = Type.String({
  format: 'date-time',
  pattern: '^[1-9]\\d{3}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:[0-5]\\d(\\.\\d{1,9})?Z$',
});
const Interval = Type.Object({ startTime: Time, completionTime: Type.Optional(Time) });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** Harbor's bound of a step's name, in characters. */
const STEP_NAME_MAX = 255;
const FAILED_REASONS = Object.keys(TRIAL_FAILED) as TrialFailedReason[];

const Result = Type.Union([
  Type.Object({
    kind: Type.Literal('rewarded'),
    reward: Type.Number(),
    rewards: Type.Unsafe<Record<string, number>>({
      type: 'object',
      maxProperties: 64,
      additionalProperties: { type: 'number' },
    }),
    /** How the agent’s container kept the verifier from running; then the reward is 0. */
    obstructed: Type.Optional(text(1024, 'Obstruction.')),
  }),
  Type.Object({ kind: Type.Literal('unverified') }),
  Type.Object({
    kind: Type.Literal('failed'),
    reason: choice(FAILED_REASONS, 'Why there is no result.'),
    message: text(MESSAGE_MAX_BYTES, 'The same in one sentence.'),
  }),
]);

const tokensAndCost = {
  inputTokens: Type.Optional(Count),
  cacheTokens: Type.Optional(Count),
  outputTokens: Type.Optional(Count),
  costUsd: Type.Optional(Type.Number({ minimum: 0 })),
};

/** What steps and attempts have in common. */
const end = {
  result: Result,
  /** What went wrong on the way, a reward notwithstanding: for example an agent over its timeout. */
  exception: Type.Optional(
    Type.Object({
      ...Exception.properties,
      type: text(128, 'Name of the exception.', { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }),
      phase: choice(PHASES, 'Where it went wrong.'),
    }),
  ),
  timings: Type.Object(
    Object.fromEntries(PHASES.map((phase) => [phase, Type.Optional(Interval)])) as Record<
      Phase,
      ReturnType<typeof Type.Optional<typeof Interval>>
    >,
  ),
  usage: Type.Optional(
    Type.Object({
      ...tokensAndCost,
      models: Type.Optional(
        Type.Array(Type.Object({ model: text(256, 'The model.'), ...tokensAndCost }), {
          maxItems: USAGE_MODELS_MAX,
        }),
      ),
      countedBy: Type.Optional(choice([...COUNTED_BY], 'Who counted.')),
    }),
  ),
};

/** How one step ended. */
export const StepOutcome = Type.Object({ name: text(STEP_NAME_MAX, 'Name of the step.'), ...end });
export type StepOutcome = Type.Static<typeof StepOutcome>;

/** Unknown fields are left to versions that know them. */
export const Outcome = Type.Object({
  version: Type.Literal(1),
  attempt: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }),
  ...end,
  /**
   * Of a task with `[[steps]]`: how many ran, and the first of them, as many as the object has room for; names of those that did not run,
   * likewise, and why. The message lists none.
   */
  steps: Type.Optional(
    Type.Object({
      ran: Count,
      listed: Type.Array(StepOutcome, { maxItems: STEPS_LISTED_MAX }),
      skipped: Type.Optional(
        Type.Array(text(STEP_NAME_MAX, 'Name of the step.'), { maxItems: STEPS_LISTED_MAX }),
      ),
      stopped: Type.Optional(text(512, 'Why the others did not run.')),
    }),
  ),
  /** Whether the cluster enforced the Pod's network policy. Missing where that was not tried. */
  network: Type.Optional(Type.Object({ enforced: Type.Boolean() })),
  /** What speaks against the reward. */
  findings: Type.Array(Finding, { maxItems: FINDINGS_MAX }),
  /**
   * Files stored, their bytes, how many entries were skipped, and of how many steps the artifacts were collected (1 of a task without steps).
   * Missing where nothing was to be uploaded. The SHA-256 of `manifest.json`, and in the message also that of `outcome.json`, in hex.
   */
  stored: Type.Optional(
    Type.Object({
      files: Count,
      bytes: Count,
      skipped: Count,
      collected: Type.Optional(Count),
      /** A verifier ran in the agent's container before the files were stored. */
      sharedVerifier: Type.Optional(Type.Boolean()),
      manifestSha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
      outcomeSha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
    }),
  ),
});
export type Outcome = Type.Static<typeof Outcome>;

/** `outcome.json`: the last that a courier stores, so its presence means that files and manifest are there. */
export const StoredOutcome = Type.Object({
  version: Type.Literal(1),
  /** Whose it is: a Trial that was made again under the same name has another UID. */
  trial: Type.Object({ uid: text(64, 'UID of the Trial.'), attempt: Type.Integer({ minimum: 1 }) }),
  outcome: Outcome,
});
export type StoredOutcome = Type.Static<typeof StoredOutcome>;

/** What a termination message says of this attempt; undefined for one that is cut, forged or another attempt's. */
export function readMessage(message: string, attempt: number): Outcome | undefined {
  const outcome = Buffer.byteLength(message) <= MESSAGE_MAX_BYTES ? parsedJson(message) : undefined;
  return Value.Check(Outcome, outcome) && outcome.attempt === attempt ? outcome : undefined;
}

/** Which `outcome.json` is meant; `sha256` where the termination message names it. */
export interface OutcomeSought {
  uid: string;
  attempt: number;
  sha256?: string | undefined;
}

/** What an `outcome.json` says of this attempt of this Trial; undefined for anything else. */
export function readStoredOutcome(
  contents: Uint8Array,
  { uid, attempt, sha256 }: OutcomeSought,
): Outcome | undefined {
  if (sha256 !== undefined && digestOf(contents) !== sha256) return undefined;
  const stored = parsedJson(new TextDecoder().decode(contents));
  if (!Value.Check(StoredOutcome, stored) || stored.outcome.attempt !== attempt) return undefined;
  return stored.trial.uid === uid && stored.trial.attempt === attempt ? stored.outcome : undefined;
}
