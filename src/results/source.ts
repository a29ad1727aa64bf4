/**
 * The Trial that a regrade judges again, as the bucket has it. Its `result.json` says whose it is: the operator alone writes that, once the
 * Trial has ended, and couriers may not; so results are a namespace's where it says so, whatever the name of their prefix.
 */
import Value from 'typebox/value';
import { isPlainKey } from '../crds/namespace-rules.ts';
import { present } from '../crds/present.ts';
import type { TrialFailedReason } from '../crds/reasons.ts';
import type { Regraded } from '../crds/regrade.ts';
import { Type } from '../crds/schema.ts';
import { parsedJson } from '../text/json.ts';
import { storedTrialPrefix, TRIAL_FILES } from './keys.ts';
import type { StoredObjects } from './read-index.ts';
import { rewardOf } from './record.ts';

/** Why a Trial cannot be regraded, as its condition says it. */
export interface SourceFault {
  reason: TrialFailedReason & `Source${string}`;
  message: string;
}

/** What is known of a Trial that ended, and left what can be judged again. */
export interface Source extends Regraded {
  /** Below which its files lie, with the closing slash. */
  prefix: string;
  uid: string;
  run: string;
  task: string;
  agent: { name: string; model?: string };
  /** Names of the steps that ran, the first of many; none where its task has no steps. */
  steps: string[];
  /** Steps whose artifacts were collected, the first ones; 1 of a task without steps. */
  collected: number;
  /** A verifier ran in the agent's container, before the files were stored. */
  shared: boolean;
  /** SHA-256 of its `manifest.json`, in hex. */
  manifestSha256: string;
}

export type SourceRead = ({ kind: 'found' } & Source) | ({ kind: 'faulty' } & SourceFault);

export const faultySource = (
  reason: SourceFault['reason'],
  message: string,
): SourceRead & { kind: 'faulty' } => ({
  kind: 'faulty',
  reason,
  message,
});

const Word = Type.String({ minLength: 1, maxLength: 1024 });
const WordOrNull = Type.Union([Word, Type.Null()]);

/** What of a `result.json` tells whether, and whose. */
const SourceResult = Type.Object({
  id: Word,
  run: Word,
  namespace: Word,
  trial_name: Type.String({ minLength: 1, maxLength: 100 }),
  task_name: Word,
  reason: Word,
  config: Type.Object({ agent: Type.Object({ name: Word, model_name: WordOrNull }) }),
  verifier_result: Type.Union([
    Type.Object({
      rewards: Type.Unsafe<Record<string, number>>({
        type: 'object',
        maxProperties: 64,
        additionalProperties: { type: 'number' },
      }),
    }),
    Type.Null(),
  ]),
  step_results: Type.Union([Type.Array(Type.Object({ step_name: Word }), { maxItems: 256 }), Type.Null()]),
  stored: Type.Optional(
    Type.Union([
      Type.Object({
        collected: Type.Integer({ minimum: 0, maximum: 2 ** 31 }),
        shared_verifier: Type.Boolean(),
        manifest_sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      }),
      Type.Null(),
    ]),
  ),
});
type SourceResult = Type.Static<typeof SourceResult>;

/** Variables of a Trial are at most 128 KiB, and a byte of them six in JSON. */
const RESULT_MAX_BYTES = 2 * 1024 ** 2;

/** Where somebody says that the results lie. */
export interface SourcePlace {
  /** Key of their prefix, with or without the closing slash. */
  key: string;
  /** For messages. */
  uri: string;
  /** Whose they have to be. */
  namespace: string;
  /** Missing: whichever Trial's they are. */
  uid?: string;
}

/** `trials/<run>/<trial name>`, and nothing below. */
const isPlace = (key: string): boolean => /^trials\/[^/]+\/[^/]+$/.test(key) && isPlainKey(key);

/** Reads what is stored of a Trial, and decides whether it can be judged again. Rejects where the store does not answer. */
export async function readSource(
  store: Pick<StoredObjects, 'get'>,
  { key, uri, namespace, uid }: SourcePlace,
): Promise<SourceRead> {
  const prefix = `${key.replace(/\/$/, '')}/`;
  // One sentence for all, so that nobody learns what other namespaces have.
  const none = faultySource(
    'SourceNotFound',
    `${uri} has no results of a Trial of namespace ${namespace} that has ended`,
  );
  if (!isPlace(prefix.slice(0, -1))) return none;
  const contents = await store.get(prefix + TRIAL_FILES.result, RESULT_MAX_BYTES).catch(noneOfOurs);
  const result = contents && parsedJson(Buffer.from(contents).toString('utf8'));
  if (!Value.Check(SourceResult, result) || result.namespace !== namespace) return none;
  // A copy of a result under another prefix is no result of a Trial.
  if (storedTrialPrefix(result.run, result.trial_name) !== prefix) return none;
  return uid !== undefined && result.id !== uid ? none : sourceOf(result, { prefix, uri });
}

/** The operator stores none of that size, and none under a key that no store takes. */
function noneOfOurs(error: unknown): undefined {
  const { reason } = error as { reason?: unknown };
  if (reason !== 'TooLarge' && reason !== 'Invalid') throw error;
}

function sourceOf(result: SourceResult, { prefix, uri }: { prefix: string; uri: string }): SourceRead {
  const { id: uid, run, trial_name: trial, stored, verifier_result: verdict, config } = result;
  const unusable = unusableFor(result);
  if (!stored || unusable !== undefined)
    return faultySource('SourceUnusable', `${trial} ${unusable ?? NOT_STORED}`);
  const { name, model_name: model } = config.agent;
  return {
    kind: 'found',
    prefix,
    uid,
    run,
    trial,
    uri,
    task: result.task_name,
    agent: { name, ...(model !== null && { model }) },
    steps: (result.step_results ?? []).map((step) => step.step_name),
    collected: stored.collected,
    shared: stored.shared_verifier,
    manifestSha256: stored.manifest_sha256,
    ...present({ reward: verdict ? rewardOf(verdict.rewards) : undefined }),
    ...(verdict && { rewards: verdict.rewards }),
  };
}

const NOT_STORED =
  'stored no files that can be laid out again: uploadResults was false, it ended before they were stored, or an older operator stored them; run it again with its agent';

/** What keeps it from being judged again, in words that follow its name. */
function unusableFor({ stored, reason }: SourceResult): string | undefined {
  if (reason === 'VerifierObstructed')
    return 'was obstructed: its agent’s container kept the verifier from running, and its reward of 0 stays';
  if (!stored) return undefined;
  return stored.collected === 0
    ? `ended with ${reason} before the artifacts of its agent were collected; run it again with its agent`
    : undefined;
}

/** What a Trial with `spec.regrade` says it judges. */
export interface RegradeWish {
  run: string;
  task: string;
  agent: { name: string; model?: string };
  /** Of its task, in their order; none where it has no steps. */
  steps: string[];
}

/** Why that is none of what the source was; undefined where it is. */
export function mismatchOf(source: Source, wish: RegradeWish): string | undefined {
  const { trial } = source;
  if (source.task !== wish.task)
    return `${trial} ran the task ${source.task}, and spec.task.name is ${wish.task}: give another version of the same task`;
  if (source.agent.name !== wish.agent.name || source.agent.model !== wish.agent.model)
    return `${trial} was the work of ${agentText(source.agent)}: give the same as spec.agent`;
  if (source.run === wish.run)
    return `${trial} is in the run ${source.run}, which would count it twice: give another spec.run`;
  const isBegun = source.steps.every((name, index) => wish.steps[index] === name);
  const hasSteps = source.steps.length > 0;
  if (isBegun && hasSteps === wish.steps.length > 0) return undefined;
  return `${trial} ran ${stepsText(source.steps)}, and the task has ${stepsText(wish.steps)}: give a version with the same steps`;
}

const agentText = ({ name, model }: Source['agent']): string =>
  model === undefined ? `the agent ${name}` : `the agent ${name} with the model ${model}`;

const SHOWN = 5;

const stepsText = (steps: string[]): string =>
  steps.length === 0
    ? 'no steps'
    : `the steps ${steps.slice(0, SHOWN).join(', ')}${steps.length > SHOWN ? ', …' : ''}`;
