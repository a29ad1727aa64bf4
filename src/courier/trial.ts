/** The courier beside a task container: runs the attempt, stores its results, leaves the outcome. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../async/clock.ts';
import type { Outcome } from '../wire/outcome.ts';
import { attemptOf, attemptTrial } from './attempt.ts';
import { brokerClient } from './broker/broker-client.ts';
import { Entry, type EntryDeps } from './entry/entry.ts';
import { explain } from './failure.ts';
import { artifactRecord } from './record/artifacts.ts';
import { trajectoryRecord } from './record/trajectory.ts';
import { findings as newFindings } from './record/findings.ts';
import { ABSENT } from './hand/absent.ts';
import type { Hand } from './hand/hand.ts';
import { openHand } from './hand/sbd-hand.ts';
import type { Apart } from './phases/surroundings.ts';
import { present } from '../crds/present.ts';
import { isServiceRole } from '../crds/trial-status.ts';
import { CONTAINERS } from '../wire/pod-paths.ts';
import { timeline as newTimeline } from './record/timeline.ts';
import { outcomeMessage, withoutSecrets } from './results/outcome.ts';
import { nothingKept, storeResults } from './results/store.ts';
import type { Settings } from './settings.ts';
import { scrubber, type Scrubber } from './record/scrub.ts';
import { trialLog } from './record/trial-log.ts';
import type { TrialLog } from './record/trial-log.ts';

export interface TrialDeps {
  settings: Settings;
  /** Aborted when the kubelet tells the courier to stop. */
  stop: AbortSignal;
  now: () => Date;
  write: (line: string) => void;
  /** Of the door for people; default: the one that brokers know. */
  entryPort?: number;
}

/** Both replicas of the operator may be gone for a minute, and the storage may refuse for a while. */
const PATIENCE_MS = 5 * 60_000;
/** What is not stored so long after the order to stop will not be: the grace period ends. */
const STORE_AFTER_STOP_MS = 35_000;
/** The kubelet should see the task container end before the courier, or it starts the courier again. */
const AFTERWARDS_MS = 150;

/** Resolves when the outcome is in the termination message and the task container has ended. */
export async function runTrial({ settings, stop, now, write, entryPort }: TrialDeps): Promise<void> {
  const { control, scratch } = settings.paths;
  const secrets = Object.values(settings.secrets);
  const log = trialLog({ now, write, secrets });
  const scrub = scrubber(secrets);
  const findings = newFindings();
  const restarted = !isFirstStart(control);
  const hand = settings.regrade ? ABSENT : openHand({ control, own: scratch, findings, stop });
  const apart = openApart(settings, { findings, stop });
  const onAct = (callers: readonly string[]): void => {
    for (const caller of callers) findings.add('TrialEntered', `${caller} entered the task container`);
  };
  const entry = entryTo(hand, {
    broker: settings.broker,
    stop,
    note: log.note,
    onAct,
    ...present({ port: entryPort }),
  });
  const parts = { settings, stop, now, hand, apart, log, scrub, findings, ...present({ entry }) };
  const message = restarted ? messageOfEarlier(settings) : outcomeMessage(await attemptAndStore(parts));
  leaveMessage(settings, message, log.note);
  log.note(`outcome: ${message}`);
  await entry?.close();
  await endContainers(hand, apart, stop);
}

const entryTo = (
  { entry }: Hand,
  deps: Pick<EntryDeps, 'broker' | 'stop' | 'note' | 'onAct' | 'port'>,
): Entry | undefined => entry && new Entry({ hand: entry, clock: systemClock, ...deps });

/** Waits for sbd in every container of a separate verifier or a service, each in its own control volume. */
function openApart(
  { paths: { beside, scratch } }: Settings,
  { findings, stop }: Pick<Parts, 'findings' | 'stop'>,
): ReadonlyMap<string, Apart> {
  // A service that is killed for its memory is started again by the kubelet, and its new sbd knows no secret. That is no sign of tampering.
  const ofServices = newFindings();

  const open = ([name, { control, logs }]: [string, { control: string; logs: string }]): [string, Apart] => {
    const own = join(scratch, name);
    mkdirSync(own, { recursive: true });
    const who = isServiceRole(name) ? ofServices : findings;
    return [name, { hand: openHand({ control, own, stop, findings: who }), logs }];
  };
  return new Map(Object.entries(beside).map(open));
}

interface Parts extends Omit<TrialDeps, 'write' | 'entryPort'> {
  hand: Hand;
  entry?: Entry;
  apart: ReadonlyMap<string, Apart>;
  log: TrialLog;
  scrub: Scrubber;
  findings: ReturnType<typeof newFindings>;
}

async function attemptAndStore({
  settings,
  stop,
  now,
  hand,
  entry,
  apart,
  log,
  scrub,
  findings,
}: Parts): Promise<Outcome> {
  const { note } = log;
  const timeline = newTimeline(now, note);
  const patience = { totalMs: PATIENCE_MS, note, stop };
  const broker = brokerClient(settings.broker, patience);
  const artifacts = artifactRecord();
  const trajectory = trajectoryRecord();
  const kept = nothingKept();
  const deps = {
    settings,
    broker,
    patience,
    hand,
    ...present({ entry }),
    apart,
    findings,
    artifacts,
    trajectory,
    timeline,
    log,
    scrub,
    note,
    kept,
    stop,
  };
  try {
    const { given, ...attempted } = await attemptTrial(deps);
    const outcome = withoutSecrets(attempted.outcome, log.clean);
    if (!given?.assignment.upload) return outcome;
    const storing = { ...patience, stop: afterwards(stop, STORE_AFTER_STOP_MS) };
    return await storeResults(given.assignment, outcome, {
      hand,
      apart,
      log,
      scrub,
      artifacts,
      trajectory,
      timeline,
      kept,
      paths: settings.paths,
      broker: brokerClient(settings.broker, storing),
      storage: given.network.storage,
      patience: storing,
    });
  } catch (error) {
    return courierFailed(settings, log.clean(explain(error)));
  }
}

/** A signal that follows another one after a while. */
function afterwards(signal: AbortSignal, ms: number): AbortSignal {
  const controller = new AbortController();
  const follow = (): void => void setTimeout(() => controller.abort(), ms).unref();
  if (signal.aborted) follow();
  else signal.addEventListener('abort', follow, { once: true });
  return controller.signal;
}

const courierFailed = ({ hostname }: Settings, message: string): Outcome => ({
  version: 1,
  attempt: attemptOf(hostname),
  result: { kind: 'failed', reason: 'CourierFailed', message: message.slice(0, 1024) },
  timings: {},
  findings: [],
});

/** False when the kubelet has started a courier in this Pod before: what that one knew is lost. */
function isFirstStart(control: string): boolean {
  try {
    writeFileSync(join(control, 'started'), '', { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

const keptMessage = ({ paths }: Settings): string => join(paths.control, 'outcome');

/** The message that an earlier courier left, where it came so far. */
function messageOfEarlier(settings: Settings): string {
  const kept = keptMessage(settings);
  if (existsSync(kept)) return readFileSync(kept, 'utf8');
  return outcomeMessage(
    courierFailed(settings, 'the courier was started again in the middle of the attempt'),
  );
}

function leaveMessage(settings: Settings, message: string, note: TrialLog['note']): void {
  // Neither may fit on a disk that the agent has filled; outcome.json says the same.
  for (const path of [settings.paths.terminationLog, keptMessage(settings)])
    try {
      writeFileSync(path, message, { mode: 0o600 });
    } catch (error) {
      note(`the outcome could not be left: ${explain(error)}`);
    }
}

/** Ends all containers. One that starts after the agent's does not start where that has not ended well. */
async function endContainers(
  hand: Hand,
  apart: ReadonlyMap<string, Apart>,
  stop: AbortSignal,
): Promise<void> {
  const next = apart.get(CONTAINERS.verifier);
  // Services end with the Pod: one that ends before it is started again.
  const services = [...apart].flatMap(([name, one]) => (isServiceRole(name) ? [one.hand] : []));
  const all = [...apart].flatMap(([name, one]) => (isServiceRole(name) ? [] : [one.hand]));
  hand.exit(next ? 1 : 0);
  for (const one of all) one.exit();
  const last = next && hand.isGone() ? [next.hand] : next ? [hand] : [hand, ...all];
  const told = new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([Promise.all(last.map(({ gone }) => gone)), told]);
  await sleep(AFTERWARDS_MS);
  for (const one of [hand, ...all, ...services]) one.close();
}
