import { KubeConfig } from '@kubernetes/client-node';
import { join } from 'node:path';
import { pino } from 'pino';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import { trialPrefix } from '../../../src/crds/names.ts';
import { connect } from '../../../src/kube/connect.ts';
import type { KubeClient } from '../../../src/kube/types.ts';
import type { ArtifactStore } from '../../../src/providers/artifact-store/port.ts';
import { s3ArtifactStore } from '../../../src/providers/artifact-store/s3.ts';
import { retried } from '../../../src/providers/retry.ts';
import { kubectl, paths, s3 } from '../cluster/index.ts';
import { say } from '../cluster/machine/progress.ts';
import { prepareBaseImages } from './base-images.ts';
import { follow } from './follow.ts';
import { mirror } from './mirror.ts';
import { NAMESPACE } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Result } from './report.ts';
import { uploadTask } from './upload.ts';

/** Runs a plan on the cluster that is up, and copies the results to `jobs/<run>/`. On the signal, cancels what has not ended and rejects. */
export async function runPlan(plan: Plan, signal: AbortSignal): Promise<Result[]> {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(paths.kubeconfig);
  const kube = connect({ kubeConfig, log: pino({ level: 'silent' }) });
  const { accessKeyId, secretAccessKey, ...place } = s3;
  const store = retried(s3ArtifactStore({ ...place, credentials: { accessKeyId, secretAccessKey } }));
  try {
    await prepareBaseImages(plan.packed.map(({ task }) => task));
    await upload(plan, store);
    signal.throwIfAborted();
    await apply(plan);
    return await collect(plan, { kube: kube.client, store, signal });
  } finally {
    await kube.close();
  }
}

async function upload({ packed }: Plan, store: ArtifactStore): Promise<void> {
  for (const one of packed) {
    const uploaded = await uploadTask(store, one);
    say(`task ${one.task.name}: ${uploaded ? 'uploaded' : 'is in the bucket already'}`);
  }
}

async function apply({ run, trials }: Plan): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  const items = [namespace, ...trials.map(({ manifest }) => manifest)];
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await kubectl(['apply', '--server-side', '--field-manager=sb-demo', '-f', '-'], { input });
  say(`run ${run}: ${trials.length} Trials applied in namespace ${NAMESPACE}`);
}

async function collect(
  { run, trials }: Plan,
  { kube, store, signal }: { kube: KubeClient; store: ArtifactStore; signal: AbortSignal },
): Promise<Result[]> {
  const finished = await follow({ kube, run, count: trials.length, signal, say }).catch(
    async (error: unknown) => {
      if (signal.aborted) await cancel(kube, run);
      throw error;
    },
  );
  return Promise.all(
    trials.flatMap(({ manifest, expected }) => {
      const one = finished.get(manifest.metadata.name);
      return one ? [copied({ ...one, ...(expected && { expected }) }, store)] : [];
    }),
  );
}

async function copied(one: Omit<Result, 'folder' | 'files'>, store: ArtifactStore): Promise<Result> {
  const prefix = trialPrefix(one.trial);
  const folder = join(paths.root, prefix.replace(/^trials\//, 'jobs/'));
  const { files, left } = await mirror(store, prefix, folder);
  for (const key of left) say(`${store.uri(key)} is too large to be copied`);
  return { ...one, folder, files };
}

async function cancel(kube: KubeClient, run: string): Promise<void> {
  const trials = await kube.list(TrialKind, { namespace: NAMESPACE, fieldSelector: `spec.run=${run}` });
  const open = trials.filter(({ status }) => status?.finishedAt === undefined);
  for (const { metadata } of open)
    await kube.patch(TrialKind, { namespace: NAMESPACE, name: metadata.name }, { spec: { cancel: true } });
  say(`cancelled: ${open.map(({ metadata }) => metadata.name).join(', ')}`);
}
