/** One attempt at a Trial, from the assignment to the outcome. */
import { join } from 'node:path';
import type { TrialFailedReason } from '../crds/reasons.ts';
import type { Outcome } from '../wire/outcome.ts';
import type { Assignment } from '../wire/assignment.ts';
import { MODEL_PORT } from '../wire/tunnel.ts';
import type { BrokerClient } from './broker/broker-client.ts';
import type { Entry } from './entry/entry.ts';
import { HttpFailure } from './broker/http.ts';
import type { Patience } from './broker/retry.ts';
import { AttemptFailure, explain } from './failure.ts';
import type { ArtifactRecord } from './record/artifacts.ts';
import type { Findings } from './record/findings.ts';
import { HandGone } from './hand/hand.ts';
import type { Hand } from './hand/hand.ts';
import { proxiedEndpoint } from './model-proxy/assigned.ts';
import type { ModelProxy } from './model-proxy/proxy.ts';
import { networkOf } from './network/network.ts';
import type { PodNetwork } from './network/network.ts';
import { present } from '../crds/present.ts';
import { isServiceRole } from '../crds/trial-status.ts';
import type { Apart, PhaseDeps } from './phases/surroundings.ts';
import { prepareSurroundings } from './phases/surroundings.ts';
import { runSteps } from './phases/sequence.ts';
import type { Ending, SequenceDeps } from './phases/sequence.ts';
import type { TrajectoryRecord } from './record/trajectory.ts';
import type { Timeline } from './record/timeline.ts';
import type { Scrubber } from './record/scrub.ts';
import type { TrialLog } from './record/trial-log.ts';
import { keepLogs, logsOf, type Kept } from './results/store.ts';
import { Services } from './services/services.ts';
import type { Settings } from './settings.ts';
import type { Sequence } from './task/sequence.ts';

export interface AttemptDeps {
  settings: Settings;
  broker: BrokerClient;
  /** With the storage. */
  patience: Patience;
  hand: Hand;
  /** Where people are let into the task container. */
  entry?: Entry;
  /** Separate verifiers and services, by the name of the container. */
  apart: ReadonlyMap<string, Apart>;
  findings: Findings;
  artifacts: ArtifactRecord;
  trajectory: TrajectoryRecord;
  timeline: Timeline;
  log: TrialLog;
  /** Takes the Trial's secrets out of what is stored and shown. */
  scrub: Scrubber;
  note: TrialLog['note'];
  /** What has been stored of earlier steps. */
  kept: Kept;
  /** Aborted when the courier is told to stop. */
  stop: AbortSignal;
}

/** The outcome so far, and what the broker gave, where it gave it. Nothing is stored yet. */
export interface Attempted {
  given?: Given;
  outcome: Outcome;
}

/** What to do, and how to reach what is outside of the Pod. */
export interface Given {
  assignment: Assignment;
  network: PodNetwork;
}

/** The attempt's number out of the Pod's name, which is the Job's name, a hyphen and five random characters. */
export function attemptOf(podName: string): number {
  const [, attempt] = /-(\d+)-[a-z0-9]{5}$/.exec(podName) ?? [];
  return Number(attempt ?? 1);
}

/** Runs all phases. Never throws: whatever goes wrong is in the outcome. */
export async function attemptTrial(deps: AttemptDeps): Promise<Attempted> {
  const { timeline } = deps;
  let given: Given | undefined;
  let model: ModelProxy | undefined;
  let services: Services | undefined;
  let ending: Ending & Pick<Outcome, 'steps'>;
  try {
    const sequence = await timeline.during('environmentSetup', async () => {
      given = await askFor(deps);
      ({ given, model } = await withModel(given, deps));
      // As the model's: the port is taken before anything of the task runs.
      await deps.entry?.open();
      const prepared = await prepare(given, deps);
      services = servicesIn(prepared, deps);
      if (!given.assignment.regrade) await surround(prepared, { ...deps, ...present({ services }) });
      return prepared.sequence;
    });
    if (!given) throw new Error('there is no assignment');
    ending = await runAll(sequence, given, { ...deps, ...present({ services, model }) });
  } catch (error) {
    ending = endingOf(error, deps);
  }
  await model?.close();
  await services?.end();
  await given?.network.close();
  return { ...(given && { given }), outcome: outcomeOf(ending, given, deps) };
}

function outcomeOf(
  ending: Ending & Pick<Outcome, 'steps'>,
  given: Given | undefined,
  { settings, timeline, findings }: AttemptDeps,
): Outcome {
  const enforced = given?.network.enforced();
  return {
    version: 1,
    attempt: given?.assignment.trial.attempt ?? attemptOf(settings.hostname),
    ...ending,
    timings: timeline.timings(),
    ...(enforced !== undefined && { network: { enforced } }),
    findings: findings.list(),
  };
}

async function runAll(
  sequence: Sequence,
  given: Given,
  deps: AttemptDeps & Pick<PhaseDeps, 'services' | 'model'>,
): Promise<Ending & Pick<Outcome, 'steps'>> {
  const { assignment, network } = given;
  const { settings, broker, patience } = deps;
  // Their commands are told of the network, too.
  for (const one of deps.apart.values()) one.hand = network.hand(one.hand);
  const running: SequenceDeps = {
    ...deps,
    network,
    hand: network.hand(deps.hand),
    paths: settings.paths,
    endingOf: (error) => endingOf(error, deps),
    keep: async (step) => {
      if (assignment.upload) await keep(step, given, deps);
    },
  };
  if (!assignment.regrade) return await runSteps(sequence, running);
  const { regradeSteps } = await import('./regrade/regrade.ts');
  const source = { broker, storage: network.storage, patience, scratch: settings.paths.scratch };
  return await regradeSteps(sequence, assignment.regrade, { ...running, source });
}

async function askFor({ broker, settings, note }: AttemptDeps): Promise<Given> {
  const assignment = await broker.assignment();
  return { assignment, network: await networkOf({ assignment, broker: settings.broker, note }) };
}

/** Where the courier calls the agent's model. Its port is taken before anything of the task runs. */
async function withModel(
  given: Given,
  { settings, note, scrub }: AttemptDeps,
): Promise<{ given: Given; model?: ModelProxy }> {
  const { assignment, network } = given;
  if (!proxiedEndpoint(assignment)) return { given };
  const { openModel } = await import('./model-proxy/open.ts');
  const opened = await openModel(assignment, {
    secrets: settings.secrets,
    agents: network.model,
    port: MODEL_PORT,
    note,
    ...(!scrub.isIdle && { clean: () => scrub.stream() }),
  });
  return { model: opened.model, given: { ...given, assignment: opened.assignment } };
}

async function keep(
  step: string,
  { assignment, network: { storage } }: Given,
  deps: AttemptDeps,
): Promise<void> {
  const { kept, log, settings } = deps;
  const logs = logsOf(assignment, step, settings.paths);
  await keepLogs(kept, step, { ...deps, storage, logs }).catch((error: unknown) => {
    const message = `the files of step ${step} could not be stored: ${log.clean(explain(error))}`;
    throw new AttemptFailure('UploadFailed', message, { type: 'UploadFailedError', cause: error });
  });
}

/** Fetches the task and waits for its container, whose image may still be on its way. */
async function prepare(given: Given, deps: AttemptDeps): Promise<Prepared> {
  const { hand, entry, note } = deps;
  const { assignment, network } = given;
  note(
    `assignment for attempt ${assignment.trial.attempt} of ${assignment.trial.namespace}/${assignment.trial.name}`,
  );
  const isThere = assignment.regrade ? undefined : hand.ready();
  const [sequence] = await Promise.all([prepareTask(given, deps), isThere, network.begin()]);
  if (isThere) note('the task container is ready');
  entry?.admit({ user: assignment.steps[0].agent.user, workdir: assignment.workdir, env: {} });
  return { sequence, network };
}

interface Prepared {
  sequence: Sequence;
  network: PodNetwork;
}

/** Then the agent of the first step is set up. */
async function surround(
  { sequence: { surroundings }, network }: Prepared,
  deps: AttemptDeps & Pick<PhaseDeps, 'services'>,
): Promise<void> {
  const around = { ...deps, hand: network.hand(deps.hand), paths: deps.settings.paths };
  const phase = { phase: 'environment', step: 0, goesOn: true } as const;
  await network.during(phase, () => prepareSurroundings(surroundings, around));
}

/** Undefined where main is alone. */
function servicesIn(
  { sequence: { services }, network }: Prepared,
  { hand, apart, settings, note, stop }: AttemptDeps,
): Services | undefined {
  if (!services) return undefined;
  const homes = [...apart].filter(([container]) => isServiceRole(container));
  for (const [, home] of homes) home.began = true;
  return new Services(services, {
    homes: {
      main: { hand: network.hand(hand), logs: settings.paths.logs },
      beside: new Map(
        homes.map(([container, home]) => [container, { ...home, hand: network.hand(home.hand) }]),
      ),
    },
    folder: taskFolder(settings),
    note,
    stop,
  });
}

const taskFolder = ({ paths }: Settings): string => join(paths.scratch, 'task');

async function prepareTask(
  { assignment, network: { storage } }: Given,
  { settings, broker, patience, note }: AttemptDeps,
): Promise<Sequence> {
  const { paths, secrets } = settings;
  // Loaded only now: the first request should not wait for it.
  const { fetchTask, readReadyTask } = await import('./task/ready-task.ts');
  const { sequenceOf } = await import('./task/steps.ts');
  const folder = taskFolder(settings);
  const archive = join(paths.scratch, 'task.zip');
  await fetchTask(assignment.task, { mount: paths.task, folder, archive, broker, storage, patience });
  const task = await readReadyTask(folder, assignment.steps);
  const sequence = sequenceOf(assignment, task, secrets);
  for (const line of assignment.notes) note(line);
  return sequence;
}

/** What an error means for the Trial. */
function endingOf(error: unknown, deps: AttemptDeps): Ending {
  const failure = failureOf(error, deps);
  const message = failure.message.slice(0, 1024);
  deps.note(`${failure.reason}: ${message}`);
  return {
    result: { kind: 'failed', reason: failure.reason, message },
    exception: { type: failure.type, message, phase: deps.timeline.current() },
  };
}

/** What the broker refuses the assignment for, by its status. */
const TASK_REFUSED: Record<number, TrialFailedReason> = {
  404: 'TaskNotFound',
  409: 'TaskMismatch',
  422: 'TaskInvalid',
};

function failureOf(error: unknown, { hand, apart, stop, timeline }: AttemptDeps): AttemptFailure {
  if (error instanceof AttemptFailure) return error;
  const hands = [hand, ...[...apart.values()].map((verifier) => verifier.hand)];
  if (stop.aborted || hands.some((one) => one.toldToStop()))
    return new AttemptFailure('Cancelled', `the Pod was asked to stop during ${timeline.current()}`, {
      type: 'CancelledError',
    });
  if (error instanceof HandGone)
    return new AttemptFailure('TaskContainerExited', `${error.message} during ${timeline.current()}`);
  const ofTask = error instanceof HttpFailure ? TASK_REFUSED[error.status] : undefined;
  if (ofTask && error instanceof HttpFailure) return new AttemptFailure(ofTask, error.message);
  return new AttemptFailure('CourierFailed', explain(error));
}
