/** Trials whose objects are gone, as their results tell of them: as much as a regrade needs. */
import Value from 'typebox/value';
import { inParallel } from '../../../async/in-parallel.ts';
import { API_VERSION } from '../../../crds/names.ts';
import { present } from '../../../crds/present.ts';
import { Type } from '../../../crds/schema.ts';
import { TrialSpec, type Trial } from '../../../crds/trial.ts';
import { keyOf, type ArtifactStore } from '../../../providers/artifact-store/port.ts';
import { noneIfTooLarge } from '../../../providers/errors.ts';
import { TRIAL_FILES } from '../../../results/keys.ts';
import { rewardOf } from '../../../results/record.ts';
import { versionOf } from '../../../tasks/index.ts';
import { parsedJson } from '../../../text/json.ts';
import { CliError } from '../../failures/error.ts';
import type { Session } from '../../session/types.ts';
import { storedTrials } from '../mirror/mirror.ts';

/** Of a stored `result.json`, what is asked of it. */
const StoredResult = Type.Object({
  run: Type.String(),
  namespace: Type.String(),
  trial_name: Type.String(),
  task_name: Type.String(),
  /** Dataset. */
  source: Type.String(),
  reason: Type.String(),
  agent_info: Type.Optional(Type.Object({ name: Type.String() })),
  config: Type.Object({
    task: Type.Object({ path: Type.String() }),
    agent: Type.Object({ name: Type.String(), model_name: Type.Union([Type.String(), Type.Null()]) }),
  }),
  verifier_result: Type.Union([
    Type.Object({ rewards: Type.Record(Type.String(), Type.Number()) }),
    Type.Null(),
  ]),
  exception_info: Type.Union([
    Type.Object({ exception_type: Type.String(), exception_message: Type.String() }),
    Type.Null(),
  ]),
  stored: Type.Optional(Type.Union([Type.Object({ collected: Type.Integer() }), Type.Null()])),
});
type StoredResult = Type.Static<typeof StoredResult>;

const RESULT_MAX_BYTES = 2 * 1024 ** 2;
const WIDTH = 32;

/** The Trial whose results lie at an `s3://` URI. Whether they can be judged again the operator decides. Throws SB-E090. */
export async function trialOfResults(session: Session, uri: string): Promise<Trial> {
  const store = await session.store();
  const key = keyOf(uri, store.bucket)?.replace(/\/?$/, '/');
  const result = key === undefined ? undefined : await resultAt(store, key);
  if (result) return trialOf(result, uri, session);
  throw new CliError('SB-E090', {
    what: `there are no results of a Trial at ${uri}`,
    why: `expected a ${TRIAL_FILES.result} of the operator there, in the bucket ${store.bucket}`,
    fix: 'give the s3TrialUri of a Trial, as sb trial show prints it under Files',
  });
}

/** Those of the session's namespace in a run, in the order of their names; none where it has none. */
export async function trialsOfResults(session: Session, run: string): Promise<Trial[]> {
  const store = await session.store();
  const read = async ({ prefix }: { prefix: string }): Promise<Trial[]> => {
    const result = await resultAt(store, prefix);
    return result?.namespace === session.namespace ? [trialOf(result, store.uri(prefix), session)] : [];
  };
  return (await inParallel(storedTrials(store, run), read, { width: WIDTH })).flat();
}

async function resultAt(store: ArtifactStore, prefix: string): Promise<StoredResult | undefined> {
  const key = `${prefix}${TRIAL_FILES.result}`;
  const contents = await store.get(key, RESULT_MAX_BYTES).catch(noneIfTooLarge);
  const result = contents && parsedJson(Buffer.from(contents).toString('utf8'));
  return Value.Check(StoredResult, result) ? result : undefined;
}

function trialOf(result: StoredResult, uri: string, { namespace }: Session): Trial {
  const { run, trial_name, task_name: name, source: dataset, config, agent_info } = result;
  const { name: agent, model_name: model } = config.agent;
  const title = agent_info === undefined || agent_info.name === agent ? undefined : agent_info.name;
  const spec = Value.Default(TrialSpec, {
    task: { name, dataset, ...placeOf(config.task.path) },
    agent: { name: agent, ...present({ title }), ...(model !== null && { model }) },
    regrade: { s3: { uri } },
    run,
  }) as TrialSpec;
  // Several Trials of a run may have had one name.
  const metadata = { name: trial_name.replace('__', '-'), namespace };
  return { apiVersion: API_VERSION, kind: 'Trial', metadata, spec, status: statusOf(result) };
}

const placeOf = (path: string) =>
  path.startsWith('s3://')
    ? { s3: { uri: path }, ...present({ version: versionOf(path) }) }
    : { configMap: { name: path.replace(/^configmap\//, '') } };

function statusOf({
  reason,
  verifier_result,
  exception_info,
  stored,
}: StoredResult): NonNullable<Trial['status']> {
  const said: [type: string, holds: boolean][] = [
    ['Succeeded', verifier_result !== null],
    ['Uploaded', Boolean(stored)],
    ['AgentFinished', (stored?.collected ?? 0) > 0],
  ];
  return {
    conditions: said.map(([type, holds]) => ({
      type,
      status: holds ? 'True' : 'False',
      reason,
      message: '',
      lastTransitionTime: '',
    })),
    ...(verifier_result && { reward: rewardOf(verifier_result.rewards) }),
    ...(exception_info && {
      exception: { type: exception_info.exception_type, message: exception_info.exception_message },
    }),
  };
}
