import { KubeConfig } from '@kubernetes/client-node';
import { join } from 'node:path';
import { pino } from 'pino';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { followRun } from '../../../src/client/runs/follow/follow.ts';
import type { TrialLine } from '../../../src/client/runs/follow/line.ts';
import { RunView } from '../../../src/client/runs/follow/view.ts';
import type { ResultsProblem } from '../../../src/client/runs/mirror/problem.ts';
import { collectResults } from '../../../src/client/runs/mirror/results.ts';
import { progress } from '../../../src/cli/render/progress/progress.ts';
import { uploading } from '../../../src/client/runs/submit/upload.ts';
import type { Terminal } from '../../../src/cli/types.ts';
import { systemClock } from '../../../src/async/clock.ts';
import { connect, type Kube } from '../../../src/kube/connect.ts';
import type { KubeClient } from '../../../src/kube/types.ts';
import type { ArtifactStore } from '../../../src/providers/artifact-store/port.ts';
import { s3ArtifactStore } from '../../../src/providers/artifact-store/s3.ts';
import { retried } from '../../../src/providers/retry.ts';
import { kubectl, paths, s3 } from '../cluster/index.ts';
import { say } from '../cluster/machine/progress.ts';
import { prepareBaseImages } from './base-images.ts';
import { DATASET, NAMESPACE } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Result } from './report.ts';

/** Runs a plan on the cluster that is up, and copies the results to `jobs/<run>/`. On the signal, cancels what has not ended and rejects. */
export async function runPlan(plan: Plan, signal: AbortSignal): Promise<Result[]> {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(paths.kubeconfig);
  const kube = connect({ kubeConfig, log: pino({ level: 'silent' }) });
  const { accessKeyId, secretAccessKey, ...place } = s3;
  const store = retried(s3ArtifactStore({ ...place, credentials: { accessKeyId, secretAccessKey } }));
  try {
    await prepareBaseImages(plan.tasks.map(({ task }) => task));
    await upload(plan, store);
    signal.throwIfAborted();
    await apply(plan);
    return await collect(plan, { kube, store, signal });
  } finally {
    await kube.close();
  }
}

async function upload({ tasks }: Plan, store: ArtifactStore): Promise<void> {
  const uploadOne = uploading(store, DATASET);
  for (const one of tasks) {
    const { result } = await uploadOne(one);
    say(`task ${one.task.name}: ${result === 'stored' ? 'uploaded' : 'is in the bucket already'}`);
  }
}

async function apply({ run, trials }: Plan): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  const items = [namespace, ...trials.map(({ manifest }) => manifest)];
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await kubectl(['apply', '--server-side', '--field-manager=sb-demo', '-f', '-'], { input });
  say(`run ${run}: ${trials.length} Trials applied in namespace ${NAMESPACE}`);
}

interface Deps {
  kube: Kube;
  store: ArtifactStore;
  signal: AbortSignal;
}

/** Says what happens to the Trials, and copies what they leave behind, until all have ended. */
async function collect({ run, trials }: Plan, { kube, store, signal }: Deps): Promise<Result[]> {
  const view = new RunView({ run, expected: trials.length });
  const now = (): Date => new Date();
  const shown = progress({ terminal: spoken, view, mode: 'plain', now, clock: systemClock });
  const onProblem = ({ error }: ResultsProblem): void => say(`${error.what}: ${error.why}`);
  const results = collectResults({
    store,
    run,
    namespace: NAMESPACE,
    jobsDir,
    view,
    now,
    signal,
    onProblem,
  });
  const finished = new Map<string, Trial>();
  const following = followRun({
    kube,
    namespace: NAMESPACE,
    run,
    view,
    signal,
    onNews: (news) => {
      shown.news(news);
      results.add(news.trial);
      finished.set(news.line.name, news.trial);
    },
  });
  try {
    await following.whenOver();
  } catch (error) {
    if (signal.aborted) await cancel(kube.client, run);
    throw error;
  } finally {
    shown.finish();
    await results.finish();
  }
  return trials.flatMap(({ manifest, expected }) => {
    const { name } = manifest.metadata;
    const [trial, line] = [finished.get(name), view.get(name, NAMESPACE)];
    return trial && line ? [resultOf(trial, line, expected)] : [];
  });
}

const jobsDir = join(paths.root, 'jobs');

/** The demo's own voice, in place of a terminal. */
const spoken: Terminal = {
  out: (text) => say(text.trimEnd()),
  err: (text) => {
    for (const line of text.trimEnd().split('\n')) say(line);
  },
  isTTY: false,
  outIsTTY: false,
  columns: () => 80,
  rows: () => 24,
  color: false,
  input: false,
};

const resultOf = (trial: Trial, line: TrialLine, expected: Result['expected']): Result => ({
  trial,
  seconds: (line.since - line.createdAt) / 1000,
  folder: join(jobsDir, trial.spec.run ?? '', line.trialName),
  ...(expected && { expected }),
});

async function cancel(kube: KubeClient, run: string): Promise<void> {
  const trials = await kube.list(TrialKind, { namespace: NAMESPACE, fieldSelector: `spec.run=${run}` });
  const open = trials.filter(({ status }) => status?.finishedAt === undefined);
  for (const { metadata } of open)
    await kube.patch(TrialKind, { namespace: NAMESPACE, name: metadata.name }, { spec: { cancel: true } });
  say(`cancelled: ${open.map(({ metadata }) => metadata.name).join(', ')}`);
}
