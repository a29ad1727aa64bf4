/** Every read of `sb trial explain`. What the user may not read is left out, and named. */
import { hasResult } from '../../../crds/reasons.ts';
import { TaskBuild as TaskBuildKind } from '../../../crds/kinds.ts';
import { jobName } from '../../../crds/names.ts';
import { present } from '../../../crds/present.ts';
import type { Trial } from '../../../crds/trial.ts';
import { isForbidden } from '../../../kube/errors.ts';
import {
  Event as EventKind,
  Job as JobKind,
  Node as NodeKind,
  Pod as PodKind,
  type Event,
} from '../../../kube/kinds.ts';
import { isOwnedBy } from '../../../pods/ownership.ts';
import { isEnded, stateOf } from '../../../results/state.ts';
import type { Session } from '../../session/types.ts';
import type { LogPhase } from '../../logs/parts.ts';
import { lastOf } from '../../logs/lines.ts';
import { trialLog, type LogSources } from '../../logs/logs.ts';
import type { Evidence } from './evidence.ts';

const LOG_LINES = 6;

/** Reads what the user may read; what he may not is added to `unread`. */
type Allowed = <T>(what: string, reading: Promise<T>) => Promise<T | undefined>;

interface Gathering {
  sources: LogSources;
  signal: AbortSignal;
}

export async function gather(
  session: Pick<Session, 'kube' | 'namespace' | 'now'>,
  trial: Trial,
  gathering: Gathering,
): Promise<Evidence> {
  const unread: string[] = [];
  const allowed: Allowed = (what, reading) =>
    reading.catch((error: unknown) => {
      if (!isForbidden(error)) throw error;
      unread.push(what);
      return undefined;
    });
  const own = await ownObjects(session, trial, { ...gathering, allowed });
  const around = await surroundings(session, { trial, ...own }, allowed);
  return { trial, ...own, ...around, unread: [...new Set(unread)], now: session.now() };
}

type Reader = Pick<Session, 'kube' | 'namespace'>;

/** What belongs to the Trial: its build, Job, Pod and log. */
async function ownObjects(
  { kube, namespace }: Reader,
  trial: Trial,
  { sources, signal, allowed }: Gathering & { allowed: Allowed },
): Promise<Pick<Evidence, 'build' | 'job' | 'pod' | 'log' | 'download'>> {
  const { taskBuild = trial.spec.environment.buildRef?.name } = trial.status ?? {};
  const [build, execution, log, download] = await Promise.all([
    taskBuild === undefined
      ? undefined
      : allowed('TaskBuilds', kube.get(TaskBuildKind, { namespace, name: taskBuild })),
    executionOf({ kube, namespace }, trial, { sources, allowed }),
    logEnd(trial, sources, signal),
    downloadOf(trial, sources, signal),
  ]);
  return { ...execution, ...present({ build, log, download }) };
}

/** Job and Pod. The operator writes down what lasts some seconds; what it does meanwhile is under the names that it will write. */
async function executionOf(
  { kube, namespace }: Reader,
  trial: Trial,
  { sources, allowed }: Pick<Gathering, 'sources'> & { allowed: Allowed },
): Promise<Pick<Evidence, 'job' | 'pod'>> {
  const { podName, jobName: name = jobName(trial.metadata.name, 1) } = trial.status ?? {};
  const job = await allowed('Jobs', kube.get(JobKind, { namespace, name }));
  const own = job && isOwnedBy(job, trial) ? { job } : {};
  const podToRead = podName ?? ('job' in own ? await allowed('Pods', sources.podOfJob(name)) : undefined);
  if (podToRead === undefined) return own;
  return {
    ...own,
    ...present({ pod: await allowed('Pods', kube.get(PodKind, { namespace, name: podToRead })) }),
  };
}

/** What tells more about them: events and nodes. */
async function surroundings(
  { kube, namespace }: Reader,
  { trial, build, job, pod }: Pick<Evidence, 'trial' | 'build' | 'job' | 'pod'>,
  allowed: Allowed,
): Promise<Pick<Evidence, 'events' | 'node' | 'nodes'>> {
  const { state, reason } = stateOf(trial);
  const nodeName = isEnded(state) ? undefined : pod?.spec?.nodeName;
  const needsNodes = reason === 'Unschedulable' || reason === 'StartTimeout';
  const uids = [trial, build, job, pod].flatMap((object) => object?.metadata.uid ?? []);
  const [events, node, nodes] = await Promise.all([
    allowed('events', eventsOf({ kube, namespace }, uids)),
    nodeName && allowed('nodes', kube.get(NodeKind, { namespace: '', name: nodeName })),
    needsNodes ? allowed('nodes', kube.list(NodeKind)) : undefined,
  ]);
  return { events: events ?? [], ...present({ node: node || undefined, nodes }) };
}

async function eventsOf({ kube, namespace }: Reader, uids: readonly string[]): Promise<Event[]> {
  const lists = await Promise.all(
    uids.map((uid) => kube.list(EventKind, { namespace, fieldSelector: `involvedObject.uid=${uid}` })),
  );
  // Events of the newer API have no lastTimestamp.
  const time = ({ lastTimestamp, metadata }: Event): string =>
    lastTimestamp || (metadata.creationTimestamp ?? '');
  return lists.flat().sort((a, b) => (time(a) < time(b) ? -1 : 1));
}

/** The log that tells most about a reason; the courier's timeline for all others. */
const TELLING: Record<string, LogPhase> = {
  BuildingImage: 'build',
  BuildFailed: 'build',
  AgentSetupFailed: 'agent',
  AgentSetupTimeout: 'agent',
  VerifierTimeout: 'verifier',
  RewardMissing: 'verifier',
  RewardEmpty: 'verifier',
  RewardUnparsable: 'verifier',
  RewardNotFinite: 'verifier',
  RewardInvalid: 'verifier',
};

/** Lines of the verifier's output that are looked at. */
const VERIFIER_LINES = 400;

/** What the verifier says of a download that failed, where it gave no full reward. */
async function downloadOf(
  trial: Trial,
  sources: LogSources,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { state, reason } = stateOf(trial);
  if (state !== 'failed' || (!hasResult(reason) && TELLING[reason] !== 'verifier')) return undefined;
  try {
    const wish = { follow: false, tail: VERIFIER_LINES, signal, phase: 'verifier' as const };
    const { parts } = await trialLog(trial, sources, wish);
    const part = parts.at(-1);
    return part && failedDownload(await lastOf(part.lines, VERIFIER_LINES));
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** A log that cannot be had explains nothing, and keeps nothing from being explained. */
async function logEnd(trial: Trial, sources: LogSources, signal: AbortSignal): Promise<Evidence['log']> {
  const phase = TELLING[stateOf(trial).reason];
  try {
    const { parts } = await trialLog(trial, sources, {
      follow: false,
      tail: LOG_LINES,
      signal,
      ...(phase && { phase }),
    });
    const part = phase === undefined ? parts[0] : parts.at(-1);
    if (!part) return undefined;
    const lines = await lastOf(part.lines, LOG_LINES);
    return lines.length > 0 ? { title: part.title, lines } : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** What programs print that could not resolve or reach a host. */
const FAILED = [
  /\bcurl: \((?:5|6|7|28|35|52|56)\)/,
  /\bwget: (?:bad address|unable to resolve|can't connect|download timed out)/,
  /\b(?:Could not resolve|Couldn't resolve|unable to resolve) host\b/i,
  /\bTemporary failure (?:in name resolution|resolving)\b/,
  /\bName or service not known\b/,
  /\bFailed to establish a new connection\b/,
  /\b(?:NewConnectionError|ConnectTimeoutError|NameResolutionError)\b/,
  /^E: Failed to fetch\b/,
  /\b(?:Could not|Unable to) connect to \S+:(?:http|https|80|443)\b/,
  /\bnpm (?:ERR!|error)\b.*\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT)\b/,
  /\berror sending request for url\b|\bFailed to (?:fetch|download): `/,
  /\bdial tcp\b.*\b(?:no such host|connection refused|i\/o timeout)\b/,
];

/** Characters of a line that are looked at. */
const LOOKED_AT = 500;

/** The first line that says so. */
export const failedDownload = (lines: readonly string[]): string | undefined =>
  lines
    .map((line) => line.slice(0, LOOKED_AT).trim())
    .find((line) => FAILED.some((pattern) => pattern.test(line)));
