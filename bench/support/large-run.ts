/** The Trials of a large run as `sb cloud run` makes them, with the status that the operator leaves them with; nothing of it has run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planRun } from '../../src/client/runs/plan/plan.ts';
import { selectTasks } from '../../src/client/runs/select/select.ts';
import { timestamp } from '../../src/crds/conditions.ts';
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import type { TrialStatus } from '../../src/crds/trial-status.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { isConflict } from '../../src/kube/errors.ts';
import type { KubeClient } from '../../src/kube/types.ts';
import { writeTasks } from './tiny-tasks.ts';

/** `tasks` × `attempts` Trials. Suspended: the operator does nothing for them. Nothing is stored of them either. */
export async function largeRun({
  run,
  namespace,
  tasks,
  attempts,
}: {
  run: string;
  namespace: string;
  tasks: number;
  attempts: number;
}): Promise<Trial[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sb-bench-'));
  try {
    await writeTasks(folder, tasks);
    const selection = await selectTasks({ path: folder });
    const options = { attempts, uploadResults: false };
    const plan = planRun({ selection, run, namespace, bucket: 'none', options, environment: {} });
    const manifests = plan.tasks.flatMap(({ trials }) => trials);
    for (const { spec } of manifests) spec.suspend = true;
    return manifests as unknown as Trial[];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const CONDITIONS: [type: string, reason: string, message: string][] = [
  ['ImageReady', 'Resolved', 'the registry has the image'],
  ['Started', 'PodStarted', 'the task container was started'],
  ['AgentFinished', 'Completed', 'the agent ended with exit code 0'],
  ['Verified', 'RewardObtained', 'the verifier left a reward'],
  ['Uploaded', 'Stored', 'outcome.json exists; it is stored last'],
  ['Succeeded', 'RewardObtained', 'the verifier left a reward'],
];

/** Of a Trial that ran for half a minute and ended now. */
export function endedStatus({ metadata: { name } }: Trial, reward: number): TrialStatus {
  const [began, ended] = [Date.now() - 30_000, Date.now()].map((at) => timestamp(new Date(at)));
  const interval = { startTime: began ?? '', completionTime: ended ?? '' };
  const jobName = `${name}-1`;
  const podName = `${jobName}-abcde`;
  return {
    conditions: CONDITIONS.map(([type, reason, message]) => ({
      type,
      status: 'True',
      observedGeneration: 1,
      lastTransitionTime: ended ?? '',
      reason,
      message,
    })),
    observedGeneration: 1,
    reward,
    rewards: { reward },
    attempts: [{ number: 1, jobName, podName, nodeName: 'node-1', ...interval }],
    image: `registry.invalid/tasks@sha256:${'0'.repeat(64)}`,
    imageDigest: `sha256:${'0'.repeat(64)}`,
    taskBuild: name,
    jobName,
    podName,
    s3TaskUri: 's3://none/tasks/',
    s3TrialUri: 's3://none/trials/',
    timings: {
      environmentSetup: interval,
      agentSetup: interval,
      agentExecution: interval,
      verifier: interval,
      upload: interval,
    },
    integrity: { verdict: 'Clean' },
    finishedAt: ended ?? '',
  };
}

/** Writes a status over whatever the operator writes meanwhile; an ended Trial it leaves alone. */
export async function writeStatus(kube: KubeClient, trial: Trial, status: TrialStatus): Promise<void> {
  for (let seen: Trial | undefined = trial; seen;) {
    try {
      await kube.replaceStatus(TrialKind, { ...seen, status });
      return;
    } catch (error) {
      if (!isConflict(error)) throw error;
      const { namespace = '', name } = trial.metadata;
      seen = await kube.get(TrialKind, { namespace, name });
    }
  }
}
