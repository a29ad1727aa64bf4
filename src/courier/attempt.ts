/** One attempt at a Trial, from the assignment to the outcome. */
import { join } from 'node:path';
import type { TrialFailedReason } from '../crds/reasons.ts';
import type { Outcome } from '../wire/outcome.ts';
import type { Assignment } from '../wire/assignment.ts';
import type { BrokerClient } from './broker/broker-client.ts';
import { HttpFailure } from './broker/http.ts';
import type { Patience } from './broker/retry.ts';
import { AttemptFailure, explain } from './failure.ts';
import type { ArtifactRecord } from './record/artifacts.ts';
import type { Findings } from './record/findings.ts';
import { HandGone } from './hand/hand.ts';
import type { Hand } from './hand/hand.ts';
import { prepareSurroundings } from './phases/phases.ts';
import { runSteps } from './phases/sequence.ts';
import type { Ending } from './phases/sequence.ts';
import type { Timeline } from './record/timeline.ts';
import type { Settings } from './settings.ts';
import type { ReadyTask } from './task/ready-task.ts';
import type { Sequence } from './task/steps.ts';

export interface AttemptDeps {
  settings: Settings;
  broker: BrokerClient;
  /** With the storage. */
  patience: Patience;
  hand: Hand;
  findings: Findings;
  artifacts: ArtifactRecord;
  timeline: Timeline;
  note: (line: string) => void;
  /** Aborted when the courier is told to stop. */
  stop: AbortSignal;
}

/** The outcome so far, and the assignment where the broker gave one. Nothing is stored yet. */
export interface Attempted {
  assignment?: Assignment;
  outcome: Outcome;
}

/** The attempt's number out of the Pod's name, which is the Job's name, a hyphen and five random characters. */
export function attemptOf(podName: string): number {
  const [, attempt] = /-(\d+)-[a-z0-9]{5}$/.exec(podName) ?? [];
  return Number(attempt ?? 1);
}

/** Runs all phases. Never throws: whatever goes wrong is in the outcome. */
export async function attemptTrial(deps: AttemptDeps): Promise<Attempted> {
  const { settings, broker, timeline, findings } = deps;
  let assignment: Assignment | undefined;
  let ending: Ending & Pick<Outcome, 'steps'>;
  try {
    const { task, sequence } = await timeline.during('environmentSetup', async () => {
      assignment = await broker.assignment();
      return await setUpEnvironment(assignment, deps);
    });
    const ofError = (error: unknown): Ending => endingOf(error, deps);
    ending = await runSteps(sequence, task, { ...deps, paths: settings.paths, endingOf: ofError });
  } catch (error) {
    ending = endingOf(error, deps);
  }
  const outcome: Outcome = {
    version: 1,
    attempt: assignment?.trial.attempt ?? attemptOf(settings.hostname),
    ...ending,
    timings: timeline.timings(),
    integrity: findings.list(),
    ...(findings.doubts().length > 0 && { doubts: findings.doubts() }),
  };
  return { ...(assignment && { assignment }), outcome };
}

/** Fetches the task and waits for its container, whose image may still be on its way. */
async function setUpEnvironment(assignment: Assignment, deps: AttemptDeps): Promise<Prepared> {
  const { settings, hand, note } = deps;
  note(
    `assignment for attempt ${assignment.trial.attempt} of ${assignment.trial.namespace}/${assignment.trial.name}`,
  );
  const [prepared] = await Promise.all([prepareTask(assignment, deps), hand.ready()]);
  note('the task container is ready');
  await prepareSurroundings(prepared.sequence.surroundings, { ...deps, paths: settings.paths });
  return prepared;
}

interface Prepared {
  task: ReadyTask;
  sequence: Sequence;
}

async function prepareTask(
  assignment: Assignment,
  { settings, broker, patience, note }: AttemptDeps,
): Promise<Prepared> {
  const { paths, secrets } = settings;
  // Loaded only now: the first request should not wait for it.
  const { fetchTask, readReadyTask } = await import('./task/ready-task.ts');
  const { sequenceOf } = await import('./task/steps.ts');
  const folder = join(paths.scratch, 'task');
  const archive = join(paths.scratch, 'task.zip');
  await fetchTask(assignment.task, { mount: paths.task, folder, archive, broker, patience });
  const task = await readReadyTask(folder);
  const sequence = sequenceOf(assignment, task, secrets);
  for (const line of assignment.notes) note(line);
  return { task, sequence };
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

function failureOf(error: unknown, { hand, stop, timeline }: AttemptDeps): AttemptFailure {
  if (error instanceof AttemptFailure) return error;
  if (stop.aborted || hand.toldToStop())
    return new AttemptFailure('Cancelled', `the Pod was asked to stop during ${timeline.current()}`, {
      type: 'CancelledError',
    });
  if (error instanceof HandGone)
    return new AttemptFailure('TaskContainerExited', `${error.message} during ${timeline.current()}`);
  const ofTask = error instanceof HttpFailure ? TASK_REFUSED[error.status] : undefined;
  if (ofTask && error instanceof HttpFailure) return new AttemptFailure(ofTask, error.message);
  return new AttemptFailure('CourierFailed', explain(error));
}
