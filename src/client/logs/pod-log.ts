/** Logs of containers, through the API server: one, all of a Pod, or the part of a phase in them. */
import { ApiError, isNotFound } from '../../kube/errors.ts';
import { objectPath, queryString } from '../../kube/http/paths.ts';
import { Pod } from '../../kube/kinds.ts';
import type { Session } from '../session/types.ts';
import { rawLines } from './lines.ts';
import type { LogPart, LogWish } from './parts.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import { isServiceRole, isVerifierRole } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';

interface PodLogRequest {
  pod: string;
  container: string;
  /** Goes on until the container ends. */
  follow?: boolean;
  tail?: number;
  /** Every line begins with its RFC 3339 time and a space. */
  timestamps?: boolean;
  signal: AbortSignal;
}

/** Opens the log of a container; undefined where Pod, container or log are not (yet, any more) there. */
export type PodLog = (request: PodLogRequest) => Promise<AsyncIterable<string> | undefined>;

const HEADERS_MS = 30_000;

/** Pod logs of the session's namespace. A stream that breaks off is the log's end: the kubelet tells no reason. */
export const podLogOf =
  ({ kubeParts, namespace }: Pick<Session, 'kubeParts' | 'namespace'>): PodLog =>
  async ({ pod, container, follow, tail, timestamps, signal }) => {
    const query = queryString({ container, follow, tailLines: tail, timestamps });
    const path = `${objectPath(Pod, { namespace, name: pod })}/log${query}`;
    try {
      const body = await kubeParts.transport.stream({ path, signal, headersTimeoutMs: HEADERS_MS });
      return rawLines(untilBroken(body as AsyncIterable<Uint8Array>, signal));
    } catch (error) {
      // 400: the container waits for its start, or has none of that name.
      if (isNotFound(error) || (error instanceof ApiError && error.status === 400)) return undefined;
      throw error;
    }
  };

async function* untilBroken(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch {
    signal.throwIfAborted();
  }
}

/** What the container printed in a phase: before a phase began, or since then. */
const SIDES = {
  setup: { began: 'agentExecution', isAfter: false },
  agent: { began: 'verifier', isAfter: false },
  verifier: { began: 'verifier', isAfter: true },
} as const;
type PodPhase = keyof typeof SIDES;

/** When that phase began, in milliseconds since the epoch, where this line of the courier's log (with timestamps) says so. */
function beganAt(phase: PodPhase, courierLine: string): number | undefined {
  // After the kubelet's time and the courier's own.
  const [, stamp, name] = /^(\S+) \S+ (\w+) began$/.exec(courierLine) ?? [];
  return name === SIDES[phase].began && stamp !== undefined ? Date.parse(stamp) : undefined;
}

interface Boundary {
  /** Milliseconds since the epoch; undefined while the verifier has not begun. */
  at: number | undefined;
}

interface PhaseLines {
  phase: PodPhase;
  /** May become known while lines arrive. */
  boundary: Readonly<Boundary>;
  /** Resolves when the boundary is known, if it lies before this time (milliseconds since the epoch). */
  whenKnown: (at: number) => Promise<void>;
}

/**
 * Lines of that phase, without their timestamps. The log of a task container is one; agent and verifier follow each other in it. Where one
 * ends and the other begins is in the courier's timeline: both are stamped by the same kubelet or on the same node.
 */
async function* phaseLines(
  lines: AsyncIterable<string>,
  { phase, boundary, whenKnown }: PhaseLines,
): AsyncGenerator<string> {
  for await (const line of lines) {
    const [stamp = '', ...rest] = line.split(' ');
    if (boundary.at === undefined) await whenKnown(Date.parse(stamp));
    const isAfter = boundary.at !== undefined && Date.parse(stamp) >= boundary.at;
    if (isAfter && !SIDES[phase].isAfter) return;
    if (isAfter === SIDES[phase].isAfter) yield rest.join(' ');
  }
}

/** The parts of a Trial's log that its Pod has, of the wished phase or of all; none without a Pod. */
export async function fromPod(
  trial: Trial,
  { podLog }: { podLog: PodLog },
  wish: LogWish,
): Promise<LogPart[]> {
  const pod = trial.status?.podName;
  if (pod === undefined) return [];
  const { phase } = wish;
  const verifiers = verifiersOf(trial);
  if (phase === 'verifier' && verifiers.length > 0) return logsOf(podLog, verifiers, { ...wish, pod });
  if (phase !== undefined && phase !== 'build') return phaseOfPod(podLog, { ...wish, phase, pod });
  return wholePod(podLog, { ...wish, pod, beside: [...servicesOf(trial), ...verifiers] });
}

/** Containers of separate verifiers: each is called as the role of its image. */
const verifiersOf = ({ status }: Trial): string[] =>
  (status?.images ?? []).flatMap(({ role }) => (isVerifierRole(role) ? [role] : []));

/** Containers of services, likewise. */
const servicesOf = ({ status }: Trial): string[] =>
  (status?.images ?? []).flatMap(({ role }) => (isServiceRole(role) ? [role] : []));

/** All that these containers have written; none of those that have not begun. */
async function logsOf(
  podLog: PodLog,
  containers: readonly string[],
  { pod, follow, signal }: LogWish & { pod: string },
): Promise<LogPart[]> {
  const parts = await Promise.all(
    containers.map(async (container) => {
      const lines = await podLog({ pod, container, follow, signal });
      return lines ? [{ title: titleOf(container, pod), lines }] : [];
    }),
  );
  return parts.flat();
}

const titleOf = (container: string, pod: string): string => `container ${container} of Pod ${pod}`;

async function wholePod(
  podLog: PodLog,
  { pod, follow, signal, tail, beside }: LogWish & { pod: string; beside: string[] },
): Promise<LogPart[]> {
  const base = { pod, signal, follow, ...(follow && tail !== undefined && { tail }) };
  const parts = await Promise.all(
    [CONTAINERS.courier, CONTAINERS.task, ...beside].map(async (container) => {
      const lines = await podLog({ ...base, container });
      return lines ? [{ title: titleOf(container, pod), container, lines }] : [];
    }),
  );
  const found = parts.flat();
  if (!follow || found.length < 2) return found;
  // Two that go on are one stream, each line with its container before it.
  return [
    { title: `Pod ${pod}`, lines: merged(found.map(({ lines, container }) => named(lines, container))) },
  ];
}

async function* none(): AsyncGenerator<string> {}

async function* named(lines: AsyncIterable<string>, name: string): AsyncGenerator<string> {
  for await (const line of lines) yield `${name.padEnd(7)} | ${line}`;
}

async function phaseOfPod(
  podLog: PodLog,
  { phase, pod, follow, signal }: LogWish & { phase: PodPhase; pod: string },
): Promise<LogPart[]> {
  const base = { pod, signal, timestamps: true };
  const courier = { ...base, container: CONTAINERS.courier };
  const boundary: Boundary = { at: undefined };
  // What is past is read first: two streams keep no order between them.
  await findBoundary(phase, await podLog(courier), boundary);
  const task = await podLog({ ...base, container: CONTAINERS.task, follow });
  if (!task) return [];
  // While it is followed the courier's stream does not end.
  if (follow && boundary.at === undefined)
    findBoundary(phase, await podLog({ ...courier, follow }), boundary).catch(() => {});
  const whenKnown = follow ? settled : async (): Promise<void> => {};
  return [{ title: titleOf(CONTAINERS.task, pod), lines: phaseLines(task, { phase, boundary, whenKnown }) }];
}

/** How much later a line of another container may come that was written at the same time. */
const LATE_MS = 1000;

/** Resolves when what was written until then has come, as long as the node's clock is not before ours. */
async function settled(at: number): Promise<void> {
  const age = Date.now() - at;
  if (age >= 0 && age < LATE_MS) await sleep(LATE_MS - age);
}

async function findBoundary(
  phase: PodPhase,
  timeline: AsyncIterable<string> | undefined,
  boundary: Boundary,
): Promise<void> {
  for await (const line of timeline ?? none()) {
    boundary.at ??= beganAt(phase, line);
    if (boundary.at !== undefined) return;
  }
}

/** Items of several sources in the order of their arrival. Ends when all have ended; the first failure ends it. */
async function* merged<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const next = async (at: number) => ({ at, result: await (iterators[at] as AsyncIterator<T>).next() });
  const waiting = new Map(iterators.map((_, at) => [at, next(at)]));
  try {
    while (waiting.size > 0) {
      const { at, result } = await Promise.race(waiting.values());
      if (result.done) waiting.delete(at);
      else {
        waiting.set(at, next(at));
        yield result.value;
      }
    }
  } finally {
    for (const promise of waiting.values()) promise.catch(() => {});
  }
}
