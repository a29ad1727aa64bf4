/** Pure: outcomes that outlive their objects. Whoever asks for the same again under the same name takes over what came of it the first time. */
import Value from 'typebox/value';
import { conditionOf } from '../crds/conditions.ts';
import { canonical } from '../crds/content.ts';
import { ADHOC_RUN, identityOf, sha256, trialName } from '../crds/names.ts';
import { TRIAL_DONE, TRIAL_FAILED, type TrialFailedReason } from '../crds/reasons.ts';
import type { TRIAL_CONDITIONS } from '../crds/trial-conditions.ts';
import { choice, text, Type } from '../crds/schema.ts';
import { Adopted, TrialStatus } from '../crds/trial-status.ts';
import { MUTABLE, TrialSpec, type Trial } from '../crds/trial.ts';
import { versionOf } from '../tasks/index.ts';
import { isRecord, parsedJson } from '../text/json.ts';
import { storedTrialPrefix } from './keys.ts';

/** What a spec names and does not hold. */
export interface Named {
  /** Hash of the files of a task that is a ConfigMap. */
  taskContent?: string | undefined;
  /** Where the results lie that a regrade judges again. */
  regraded?: string | undefined;
}

/** A schema, as far as it says what a field has that nobody wrote. */
interface Shape {
  default?: unknown;
  properties?: Record<string, Shape>;
  items?: Shape;
  'x-kubernetes-int-or-string'?: true;
}

/** The part of a value that is not there by default; undefined where nothing is left. A newer version's new fields so leave a hash as it is. */
function asked(shape: Shape, value: unknown): unknown {
  const { properties, items } = shape;
  if (Array.isArray(value)) return items ? value.map((item) => asked(items, item) ?? {}) : value;
  if (isRecord(value) && properties) {
    const fields = Object.entries(value).map(([name, field]) => [name, asked(properties[name] ?? {}, field)]);
    const left = fields.filter(([, field]) => field !== undefined);
    return left.length > 0 ? Object.fromEntries(left) : undefined;
  }
  const plain = shape['x-kubernetes-int-or-string'] ? String(value) : value;
  return plain === shape.default ? undefined : plain;
}

/**
 * SHA-256 in hex over what a Trial asks for; undefined where that is not known, or nothing of its outcome is kept: a task without a version may be
 * another one next time.
 */
export function appliedHash(spec: TrialSpec, named: Named): string | undefined {
  const { task, regrade, uploadResults } = spec;
  const content = task.configMap ? named.taskContent : (task.version ?? versionOf(task.s3?.uri ?? ''));
  const judged = regrade ? named.regraded : '';
  if (!uploadResults || content === undefined || judged === undefined) return undefined;
  const lasting = Object.fromEntries(Object.entries(spec).filter(([field]) => !MUTABLE.includes(field)));
  return sha256(canonical([1, asked(TrialSpec as Shape, lasting), content, judged]));
}

/** The fields of a status that say what came of a Trial, whoever has it. */
const OUTCOME_FIELDS = [
  'reward',
  'rewards',
  'steps',
  'image',
  'imageDigest',
  'logs',
  'timings',
  'regraded',
  'exception',
  'usage',
  'integrity',
] as const;

/** Conditions of the attempt. */
const OUTCOME_CONDITIONS = [
  'ImageReady',
  'Started',
  'NetworkRestricted',
  'AgentFinished',
  'Verified',
  'Uploaded',
] as const satisfies (keyof typeof TRIAL_CONDITIONS)[];

/**
 * Failures of the definition that a courier found in the task itself. What else a definition can lack lies outside of the Trial (an image, a
 * Secret, a build) and may be there by now.
 */
const OF_THE_TASK: readonly string[] = ['HealthcheckFailed', 'StepSetupFailed'];

/** Whether a Trial that comes again with the same spec takes over this failure: the agent had its try, or the task itself is broken. */
export const isLasting = (reason: TrialFailedReason): boolean =>
  ['agent', 'verifier'].includes(TRIAL_FAILED[reason].fault) || OF_THE_TASK.includes(reason);

const DONE_REASONS = Object.keys(TRIAL_DONE) as (keyof typeof TRIAL_DONE)[];
const LASTING_REASONS = (Object.keys(TRIAL_FAILED) as TrialFailedReason[]).filter(isLasting);

/** `indexes/applied/<namespace>/<name>/<hash>.json`. Fields that are unknown are left to versions that know them. */
export const AppliedOutcome = Type.Object({
  schema_version: Type.Literal(1),
  namespace: text(63, 'Namespace.'),
  name: text(253, 'Name of the object.'),
  hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  run: text(63, 'Run.', { minLength: 1 }),
  trial: Adopted,
  end: Type.Union([
    Type.Object({
      kind: Type.Literal('done'),
      reason: choice(DONE_REASONS, 'Why.'),
      message: text(1024, 'The same in a sentence.'),
    }),
    Type.Object({
      kind: Type.Literal('failed'),
      reason: choice(LASTING_REASONS, 'Why.'),
      message: text(1024, 'The same in a sentence.'),
    }),
  ]),
  outcome: Type.Pick(TrialStatus, OUTCOME_FIELDS),
  /** What else its conditions say. */
  conditions: Type.Array(
    Type.Object({
      type: choice(OUTCOME_CONDITIONS, 'Type.'),
      status: choice(['True', 'False', 'Unknown'], 'Whether it holds.'),
      reason: text(64, 'Why.', { minLength: 1 }),
      message: text(1024, 'The same in a sentence.'),
    }),
    { maxItems: OUTCOME_CONDITIONS.length },
  ),
});
export type AppliedOutcome = Type.Static<typeof AppliedOutcome>;

/** The operator reads no more, and writes no more. What a courier may say is at most 16 KiB. */
export const APPLIED_MAX_BYTES = 64 * 1024;

/** Which record is meant. */
export interface Sought {
  namespace: string;
  name: string;
  hash: string;
}

/** The record of a Trial with the status that ends it; undefined where nobody is to take it over. */
export function appliedOutcome(trial: Trial, status: TrialStatus): AppliedOutcome | undefined {
  const end = endOf(status);
  const { attempts, regraded, finishedAt } = status;
  const taskContent = attempts?.at(-1)?.taskContent;
  const hash = appliedHash(trial.spec, { taskContent, regraded: regraded?.uri });
  if (!end || hash === undefined || finishedAt === undefined || status.adopted) return undefined;
  const { namespace, name, uid } = identityOf(trial);
  return {
    schema_version: 1,
    namespace,
    name,
    hash,
    run: trial.spec.run ?? ADHOC_RUN,
    trial: { trial: trialName({ name, uid }), uid, finishedAt },
    end,
    outcome: outcomeOf(status),
    conditions: conditionsOf(status),
  };
}

const conditionsOf = (status: TrialStatus): AppliedOutcome['conditions'] =>
  OUTCOME_CONDITIONS.flatMap((type) => {
    const found = conditionOf({ status }, type);
    return found ? [{ type, status: found.status, reason: found.reason, message: found.message }] : [];
  });

function endOf(status: TrialStatus): AppliedOutcome['end'] | undefined {
  const { status: verdict, reason, message = '' } = conditionOf({ status }, 'Succeeded') ?? {};
  const done = DONE_REASONS.find((one) => one === reason);
  if (verdict === 'True' && done) return { kind: 'done', reason: done, message };
  const failed = LASTING_REASONS.find((one) => one === reason);
  return verdict === 'False' && failed ? { kind: 'failed', reason: failed, message } : undefined;
}

const outcomeOf = (status: TrialStatus): AppliedOutcome['outcome'] =>
  Object.fromEntries(
    OUTCOME_FIELDS.map((field) => [field, status[field]]).filter(([, value]) => value !== undefined),
  ) as AppliedOutcome['outcome'];

/** What a stored record says; undefined for anything else than the record that is meant. */
export function readApplied(contents: Uint8Array, sought: Sought): AppliedOutcome | undefined {
  const found = parsedJson(new TextDecoder().decode(contents));
  if (!Value.Check(AppliedOutcome, found)) return undefined;
  const { namespace, name, hash, outcome } = found;
  const isMeant = namespace === sought.namespace && name === sought.name && hash === sought.hash;
  return isMeant ? { ...found, outcome: outcomeOf(outcome) } : undefined;
}

/** Prefix of the files of the Trial that ran. */
export const appliedPrefix = ({ run, trial }: AppliedOutcome): string => storedTrialPrefix(run, trial.trial);
