/** What an agent did, step by step: `agent/trajectory.json` of a Trial, from a folder of this machine or from the store. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import Value from 'typebox/value';
import type { Trial } from '../../crds/trial.ts';
import { keyOf, type ArtifactStore } from '../../providers/artifact-store/port.ts';
import { ProviderError } from '../../providers/errors.ts';
import { resultsName, resultsPrefix } from '../../results/keys.ts';
import { stateOf } from '../../results/state.ts';
import { parsedJson } from '../../text/json.ts';
import { Trajectory, TRAJECTORY_MAX_BYTES } from '../../wire/trajectory.ts';
import { stepFolder } from '../../wire/upload-paths.ts';
import { CliError } from '../failures/error.ts';
import { runOf } from '../runs/find/runs.ts';

/** Of a task without `[[steps]]` there is one, and `step` is undefined. */
export interface StepTrajectory {
  step: string | undefined;
  trajectory: Trajectory;
}

export interface TrajectorySources {
  store: () => Promise<ArtifactStore>;
  /** Where runs have their folders: `jobs`, as an absolute path. */
  jobsDir: string;
}

const FILE = 'agent/trajectory.json';

/**
 * What is stored of a Trial's trajectories, in the order of its steps, each held against the schema: whoever acted in the container may have
 * had a hand in their texts. A copy on this machine goes before the store. Throws SB-E093 where there is none.
 */
export async function trajectoriesOf(trial: Trial, sources: TrajectorySources): Promise<StepTrajectory[]> {
  const steps = trial.status?.steps ?? [];
  const places = [
    { step: undefined, path: FILE },
    ...steps.map(({ name }) => ({ step: name, path: `${stepFolder(name)}${FILE}` })),
  ];
  const found: StepTrajectory[] = [];
  const faults: string[] = [];
  for (const { step, path } of places) {
    const copy = await fromFolder(trial, path, sources);
    const text = copy === undefined ? await fromStore(trial, path, sources) : copy;
    if (text === undefined) continue;
    const value = parsedJson(text ?? '');
    if (Value.Check(Trajectory, value)) found.push({ step, trajectory: value });
    else faults.push(`${path} is no trajectory of at most ${TRAJECTORY_MAX_BYTES} bytes`);
  }
  if (found.length === 0) throw absent(trial, faults);
  return found;
}

/** Undefined where there is none, null where there is more than may be. */
type Contents = string | null | undefined;

/** No more than may be is read, however large the file is by now. */
async function fromFolder(trial: Trial, path: string, { jobsDir }: TrajectorySources): Promise<Contents> {
  const file = join(jobsDir, runOf(trial), resultsName(trial), path);
  const handle = await open(file).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const buffer = Buffer.alloc(TRAJECTORY_MAX_BYTES + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return bytesRead > TRAJECTORY_MAX_BYTES ? null : buffer.toString('utf8', 0, bytesRead);
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}

async function fromStore(trial: Trial, path: string, sources: TrajectorySources): Promise<Contents> {
  if (!trial.spec.uploadResults) return undefined;
  const store = await sources.store();
  const { s3TrialUri } = trial.status ?? {};
  const prefix = s3TrialUri === undefined ? resultsPrefix(trial) : keyOf(s3TrialUri, store.bucket);
  if (prefix === undefined) return undefined;
  try {
    const contents = await store.get(`${prefix}${path}`, TRAJECTORY_MAX_BYTES);
    return contents && Buffer.from(contents).toString('utf8');
  } catch (error) {
    if (error instanceof ProviderError && error.reason === 'TooLarge') return null;
    throw error;
  }
}

function absent(trial: Trial, faults: readonly string[]): CliError {
  const { name } = trial.metadata;
  const { reason, message } = stateOf(trial);
  return new CliError('SB-E093', {
    what: `there is no trajectory of the Trial ${name}`,
    why: faults.length > 0 ? faults.join('\n') : `none is stored; ${reason}: ${message}`,
    fix: `sb trial logs ${name} --phase agent`,
  });
}
