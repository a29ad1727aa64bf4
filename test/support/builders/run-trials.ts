/** Trials in the states that a run brings them to. */
import type { Condition } from '../../../src/crds/conditions.ts';
import { LABEL, sha256 } from '../../../src/crds/names.ts';
import type { TrialReason } from '../../../src/crds/reasons.ts';
import type { TrialStatus } from '../../../src/crds/trial-status.ts';
import type { Trial, TrialSpec } from '../../../src/crds/trial.ts';
import { aTrial, after, stampOf, T0 } from './objects.ts';

export const RUN = 'demo-20260101-000000';

export interface TrialInRun {
  name?: string;
  /** Of a second Trial of the same name. */
  uid?: string;
  version?: number;
  /** Seconds after T0. */
  createdAt?: number;
  endedAt?: number;
  task?: Partial<TrialSpec['task']>;
  agent?: Partial<TrialSpec['agent']>;
  status?: TrialStatus;
  uploadResults?: boolean;
}

/** A Trial of the run, without a condition unless `status` has one. */
export function inRun({
  name = 'hello',
  version = 1,
  createdAt = 0,
  status,
  ...over
}: TrialInRun = {}): Trial {
  const hex = sha256(over.uid ?? name);
  const trial = aTrial({
    name,
    spec: {
      run: RUN,
      task: { name: `task-${name}`, dataset: 'local', configMap: { name: 'x' }, ...over.task },
      agent: { name: 'oracle', setupTimeoutSeconds: 360, ...over.agent },
      uploadResults: over.uploadResults ?? true,
    },
  });
  return {
    ...trial,
    metadata: {
      ...trial.metadata,
      uid: `${hex.slice(0, 8)}-0000-4000-8000-${hex.slice(8, 20)}`,
      resourceVersion: String(1000 + version),
      creationTimestamp: stampOf(after(createdAt)),
      labels: { [LABEL.run]: RUN },
    },
    ...(status && { status }),
  };
}

const condition = (status: Condition['status'], reason: string, message: string): Condition => ({
  type: 'Succeeded',
  status,
  reason,
  message,
  lastTransitionTime: stampOf(T0),
});

/** One that has not ended, for this reason. */
export const active = (
  reason: TrialReason,
  { message = '', ...over }: TrialInRun & { message?: string } = {},
) =>
  inRun({
    version: 2,
    ...over,
    status: { conditions: [condition('Unknown', reason, message)], ...over.status },
  });

/** One that ended with a reward. */
export const rewarded = (
  reward: number,
  { rewards = { reward }, ...over }: TrialInRun & { rewards?: Record<string, number> } = {},
) =>
  inRun({
    version: 3,
    ...over,
    status: {
      conditions: [condition('True', 'RewardObtained', `reward ${reward}`)],
      reward,
      rewards,
      attempts: [{ number: 1, jobName: 'x-1' }],
      finishedAt: stampOf(after(over.endedAt ?? 10)),
      ...over.status,
    },
  });

/** One that ended with a reward and stored what its agent left. */
export function collected(reward: number, over: TrialInRun = {}): Trial {
  const trial = rewarded(reward, over);
  const more = ['AgentFinished', 'Uploaded'].map((type) => ({ ...condition('True', 'Stored', ''), type }));
  const conditions = [...(trial.status?.conditions ?? []), ...more];
  return { ...trial, status: { ...trial.status, conditions } };
}

/** One that ended without. */
export const broken = (
  reason: TrialReason,
  { message = 'why', ...over }: TrialInRun & { message?: string } = {},
) =>
  inRun({
    version: 3,
    ...over,
    status: {
      conditions: [condition('False', reason, message)],
      exception: { type: reason, message },
      finishedAt: stampOf(after(over.endedAt ?? 10)),
      ...over.status,
    },
  });
