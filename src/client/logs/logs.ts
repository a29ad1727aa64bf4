/** The log of a Trial, by one command from its first second to long after its Pod is gone. */
import { stepFolder } from '../../wire/upload-paths.ts';
import { resultsPrefix, TRIAL_FILES } from '../../results/keys.ts';
import { conditionOf } from '../../crds/conditions.ts';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import { Pod as PodKind } from '../../kube/kinds.ts';
import type { Session } from '../session/types.ts';
import type { BuildAttempt, TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import { keyOf, type ArtifactStore } from '../../providers/artifact-store/port.ts';
import { CliError } from '../failures/error.ts';
import { isEnded, stateOf } from '../../results/state.ts';
import { lastOf, rawLines } from './lines.ts';
import type { LogPart, LogWish, TrialLog } from './parts.ts';
import { fromPod, podLogOf, type PodLog } from './pod-log.ts';
import { ProviderError } from '../../providers/errors.ts';

export interface LogSources {
  podLog: PodLog;
  store: () => Promise<ArtifactStore>;
  taskBuild: (name: string) => Promise<TaskBuild | undefined>;
  /** Name of the Pod of a Job. */
  podOfJob: (job: string) => Promise<string | undefined>;
}

/** Where a session's logs come from. */
export const logSources = (session: Session): LogSources => {
  const { kube, namespace } = session;
  return {
    podLog: podLogOf(session),
    store: () => session.store(),
    taskBuild: (name) => kube.get(TaskBuildKind, { namespace, name }),
    async podOfJob(job) {
      const labelSelector = `batch.kubernetes.io/job-name=${job}`;
      const [pod] = await kube.list(PodKind, { namespace, labelSelector });
      return pod?.metadata.name;
    },
  };
};

/**
 * The log that is wished for. While the Trial goes on it comes from the Pod; afterwards from the store, which has all of it and apart by
 * phases, while a kubelet keeps the last 10 MiB of a container; and from the Pod again where the store has nothing. Throws SB-E093 where
 * there is none.
 */
export async function trialLog(trial: Trial, sources: LogSources, wish: LogWish): Promise<TrialLog> {
  if (wish.phase === 'build') return tailed(await buildLog(trial, sources, wish), wish);
  const ended = isEnded(stateOf(trial).state);
  const places = ended ? [fromStore, fromPod] : [fromPod, fromStore];
  const failures: unknown[] = [];
  for (const place of places) {
    try {
      const parts = await place(trial, sources, wish);
      if (parts.length > 0) return tailed({ parts, notes: failures.map(asNote) }, wish);
    } catch (error) {
      wish.signal.throwIfAborted();
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  throw absent(trial, wish);
}

const asNote = (error: unknown): string => `${(error as Error).message}; taken from the Pod instead`;

const tailed = ({ parts, notes }: TrialLog, { tail, follow }: LogWish): TrialLog => ({
  notes,
  parts:
    tail === undefined || follow ? parts : parts.map((part) => ({ ...part, lines: endOf(part.lines, tail) })),
});

async function* endOf(lines: AsyncIterable<string>, count: number): AsyncGenerator<string> {
  yield* await lastOf(lines, count);
}

/** What agents leave besides: trajectories, sessions, exit codes are no logs. */
const isLog = (path: string): boolean =>
  /^[^/]+\.(txt|log)$/.test(path) && path !== 'exit-code.txt' && path !== 'reward.txt';

/** What the agent's installation printed. */
const SETUP_LOG = 'agent/install.txt';

/** Which logs below a Trial's or a step's folder belong to a phase, by the folder that they are in. */
const PHASE_FOLDERS = {
  setup: { folder: 'agent/', has: (path: string) => path === SETUP_LOG },
  agent: { folder: 'agent/', has: (path: string) => path !== SETUP_LOG },
  verifier: { folder: 'verifier/', has: () => true },
} as const;
type StoredPhase = keyof typeof PHASE_FOLDERS;

const phasesOf = ({ phase }: LogWish): StoredPhase[] =>
  (['setup', 'agent', 'verifier'] as const).filter((one) => (phase ?? one) === one);

async function fromStore(trial: Trial, sources: LogSources, wish: LogWish): Promise<LogPart[]> {
  const { uploadResults } = trial.spec;
  if (!uploadResults) return [];
  const store = await sources.store();
  const { s3TrialUri } = trial.status ?? {};
  const prefix = s3TrialUri === undefined ? resultsPrefix(trial) : keyOf(s3TrialUri, store.bucket);
  if (prefix === undefined) return [];
  const paths = [
    ...(wish.phase === undefined ? [TRIAL_FILES.log] : []),
    ...(await logsOfPhases(store, prefix, wish)),
    ...(await logsOfSteps(store, prefix, { trial, wish })),
  ];
  const options = { signal: wish.signal, endOnly: wish.tail !== undefined };
  const parts = await Promise.all(
    paths.map(async (title) => {
      const lines = await storedLines(store, `${prefix}${title}`, options);
      return lines ? [{ title, lines }] : [];
    }),
  );
  return parts.flat();
}

/** In the order of the steps, the agent's before the verifier's. */
async function logsOfSteps(
  store: ArtifactStore,
  prefix: string,
  { trial: { status }, wish }: { trial: Trial; wish: LogWish },
): Promise<string[]> {
  const paths: string[] = [];
  for (const { name } of status?.steps ?? []) {
    const own = await logsOfPhases(store, `${prefix}${stepFolder(name)}`, wish);
    paths.push(...own.map((path) => `${stepFolder(name)}${path}`));
  }
  return paths;
}

async function logsOfPhases(store: ArtifactStore, prefix: string, wish: LogWish): Promise<string[]> {
  const paths: string[] = [];
  for (const phase of phasesOf(wish)) {
    const { folder, has } = PHASE_FOLDERS[phase];
    paths.push(...(await logsBelow(store, prefix, folder)).filter(has));
  }
  return paths;
}

async function logsBelow(store: ArtifactStore, prefix: string, folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { key } of store.list(`${prefix}${folder}`)) {
    const path = key.slice(prefix.length + folder.length);
    if (isLog(path)) paths.push(`${folder}${path}`);
  }
  return paths;
}

function absent({ metadata: { name }, ...trial }: Trial, { phase }: LogWish): CliError {
  const { reason, message } = stateOf({ metadata: { name }, ...trial });
  return new CliError('SB-E093', {
    what: `there is no log${phase === undefined ? '' : ` of phase ${phase}`} of the Trial ${name}`,
    why: `${reason}: ${message}`,
    fix: `sb trial explain ${name}`,
  });
}

/** Up to here a file is read in one piece. */
const WHOLE_BYTES = 2 * 2 ** 20;
/** What is fetched of a larger one where only its end is wanted. */
const END_BYTES = 256 * 1024;
const LINK_SECONDS = 900;

interface StoredLogOptions {
  signal: AbortSignal;
  /** Only the end is wanted: of a large file no more than that is fetched, and its first line is not whole. */
  endOnly?: boolean;
}

/** Lines of an object; undefined where there is none. */
async function storedLines(
  store: ArtifactStore,
  key: string,
  options: StoredLogOptions,
): Promise<AsyncIterable<string> | undefined> {
  const info = await store.head(key);
  if (!info) return undefined;
  if (info.size > WHOLE_BYTES) return rawLines(await download(store, key, { ...options, size: info.size }));
  const contents = await store.get(key, WHOLE_BYTES);
  return contents && rawLines(of(contents));
}

async function* of(contents: Uint8Array): AsyncGenerator<Uint8Array> {
  yield contents;
}

async function download(
  store: ArtifactStore,
  key: string,
  { signal, endOnly, size }: StoredLogOptions & { size: number },
): Promise<AsyncIterable<Uint8Array>> {
  const { url, headers } = await store.presignGet(key, LINK_SECONDS);
  const range = endOnly ? { range: `bytes=${size - END_BYTES}-` } : {};
  const answer = await fetch(url, { headers: { ...headers, ...range }, signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new ProviderError('Unavailable', `get ${key}: ${(error as Error).message}`, { cause: error });
  });
  if (answer.ok && answer.body) return answer.body;
  await answer.body?.cancel();
  const reason = answer.status === 403 ? 'AccessDenied' : 'Unavailable';
  throw new ProviderError(reason, `get ${key}: HTTP ${answer.status}`);
}

/** The log of the build of a Trial's image: of its Job while that is there, else what the TaskBuild kept of it. Throws SB-E093 where nothing was built. */
async function buildLog(trial: Trial, sources: LogSources, wish: LogWish): Promise<TrialLog> {
  const build = await buildOf(trial, sources);
  const said = saidOf(build);
  const attempt = build.status?.attempts?.at(-1);
  if (!attempt) throw unbuilt(trial, said);
  const parts = await partsOf(attempt, sources, wish);
  if (parts.length === 0 && attempt.logUrl === undefined) throw unbuilt(trial, said);
  return { parts, notes: [said, ...notesOf(attempt)] };
}

async function buildOf(trial: Trial, { taskBuild }: LogSources): Promise<TaskBuild> {
  const name = trial.status?.taskBuild ?? trial.spec.environment.buildRef?.name;
  if (name === undefined) throw unbuilt(trial, 'its image is not built, or its build is not known yet');
  const build = await taskBuild(name);
  if (!build) throw unbuilt(trial, `its TaskBuild ${name} is gone`);
  return build;
}

function saidOf(build: TaskBuild): string {
  const { reason = 'Pending', message = 'not looked at yet' } = conditionOf(build, 'Succeeded') ?? {};
  return `TaskBuild ${build.metadata.name}: ${reason}: ${message}`;
}

const notesOf = ({ failedStep, logUrl, consoleUrl }: BuildAttempt): string[] => [
  ...(failedStep === undefined ? [] : [`failed step: ${failedStep}`]),
  ...(logUrl === undefined ? [] : [`whole log: ${logUrl}`]),
  ...(consoleUrl === undefined ? [] : [`page of the build: ${consoleUrl}`]),
];

/** The Job is called after the attempt's token. */
async function partsOf(
  { token, logTail }: BuildAttempt,
  { podOfJob, podLog }: LogSources,
  { follow, signal }: LogWish,
): Promise<LogPart[]> {
  const pod = await podOfJob(token);
  const lines =
    pod === undefined ? undefined : await podLog({ pod, container: CONTAINERS.build, follow, signal });
  if (lines) return [{ title: `container ${CONTAINERS.build} of Pod ${pod}`, lines }];
  return logTail ? [{ title: 'end of the log, as the TaskBuild keeps it', lines: each(logTail) }] : [];
}

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

const unbuilt = ({ metadata: { name } }: Trial, why: string): CliError =>
  new CliError('SB-E093', {
    what: `there is no log of a build for the Trial ${name}`,
    why,
    fix: `sb trial explain ${name}`,
  });
