/** An API server in this process with as many Trials as a bench says, and the operator in a process of its own. */
import { readFile } from 'node:fs/promises';
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { ConfigMap as ConfigMapKind, Job as JobKind, Namespace } from '../../src/kube/kinds.ts';
import { memoryArtifactStore } from '../../src/providers/artifact-store/memory.ts';
import type { ArtifactStore } from '../../src/providers/artifact-store/port.ts';
import { s3ArtifactStore } from '../../src/providers/artifact-store/s3.ts';
import { findJob } from '../../src/results/read-index.ts';
import { recordOf } from '../../src/results/record.ts';
import { emptyManifest, extended } from '../../src/results/run-index.ts';
import { storeManifest, storeShards } from '../../src/results/write-index.ts';
import { ApiServer } from '../../test/support/api-server.ts';
import { aTrial, SOLVED_DATA } from '../../test/support/builders/objects.ts';
import { eventuallyTrue } from '../../test/support/eventually.ts';
import { configMap } from '../../test/support/kube.ts';
import { Kubelet } from '../../test/support/kubelet.ts';
import { seeded } from '../../test/support/random.ts';
import { pushImage, startRegistry } from '../../test/support/registry.ts';
import { startVersitygw, VERSITYGW } from '../../test/support/versitygw.ts';
import { there } from './build-world.ts';
import { endedStatus, largeRun } from './large-run.ts';
import type { Sample } from './metrics.ts';
import { startOperator, type OwnOperator } from './own-operator.ts';
import { bytesOf } from './processes.ts';

const BUCKET = 'bench';
/** Trials of one run: what one command makes. */
const RUN = { tasks: 500, attempts: 20 };

export interface Shelf extends AsyncDisposable {
  server: ApiServer;
  /** Trials whose Pods run, and run on. */
  open(count: number): Promise<void>;
  /** Trials that have ended and are in the indexes of their runs. No operator may run meanwhile. */
  ended(count: number): Promise<void>;
  /** A Trial that nobody has looked at. Resolves to when its Job is made. */
  waiting(name: string): Promise<number>;
  start(): Promise<OwnOperator>;
}

const trialOf = (name: string, over: Partial<Trial> = {}): Trial => ({
  ...aTrial(),
  ...over,
  metadata: { namespace: 'default', name },
});

/** Starts it, without an operator. */
export async function openShelf(): Promise<Shelf> {
  await using ending = new AsyncDisposableStack();
  // In pages: a streamed list of 100,000 would keep this process from everything else for many seconds.
  const options = { bookmarkMs: 10_000, streamedLists: false };
  const server = ending.adopt(await ApiServer.start(options), (one) => one.close());
  const s3 = ending.adopt(there('versitygw', await startVersitygw(BUCKET)), (one) => one.stop());
  const registry = ending.adopt(there('registry', await startRegistry()), (one) => one.stop());
  const image = { config: { Cmd: ['bash'] }, platforms: ['linux/amd64'] };
  await pushImage(`http://${registry.address}`, { path: 'library/debian', tag: 'bookworm-slim' }, image);
  const endpoint = `http://${s3.address}`;
  const { region, accessKeyId, secretAccessKey } = VERSITYGW;
  const credentials = { accessKeyId, secretAccessKey };
  const artifacts = s3ArtifactStore({ endpoint, region, bucket: BUCKET, credentials });
  const kubelet = ending.adopt(
    new Kubelet({
      server,
      artifacts: memoryArtifactStore(),
      fate: () => ({ kind: 'runs', whenStopped: 'cancelled' }),
      random: seeded(1),
    }),
    (one) => one.stop(),
  );
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } };
  server.collection(Namespace).create(namespace);
  server.collection(ConfigMapKind).create(configMap('hello-task', SOLVED_DATA));
  const env = {
    SB_PROFILE: 'local',
    SB_S3_ENDPOINT: endpoint,
    SB_S3_PUBLIC_ENDPOINT: endpoint,
    SB_S3_BUCKET: BUCKET,
    SB_S3_REGION: region,
    SB_IMAGE_REPOSITORY: 'registry.invalid/tasks',
    SB_BUILDKIT_ADDR: 'tcp://buildkit.invalid:1234',
    SB_BUILDCTL_IMAGE: 'buildctl.invalid/buildctl:bench',
    SB_REGISTRY_MIRRORS: `docker.io=http://${registry.address}`,
    SB_BROKER_URL: 'https://localhost:8443',
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
  const all = ending.move();
  return {
    server,
    open: (count) => open({ server, kubelet, count }),
    ended: (count) => ended({ server, artifacts, count }),
    waiting: (name) => waiting(server, name),
    start: () => startOperator(server.kubeConfig().exportConfig(), env),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function open(of: { server: ApiServer; kubelet: Kubelet; count: number }): Promise<void> {
  const { server, kubelet, count } = of;
  for (let index = 0; index < count; index++) server.collection(TrialKind).create(trialOf(`open-${index}`));
  const run = (): boolean =>
    kubelet.alive.filter(({ status }) => status?.phase === 'Running').length >= count;
  await eventuallyTrue(`${count} Pods run`, run, 600);
}

/** As many runs as it takes. What is the same in all of them is there once, in this process. */
async function ended(of: { server: ApiServer; artifacts: ArtifactStore; count: number }): Promise<void> {
  const { server, artifacts, count } = of;
  const manifests = await largeRun({ run: 'shelf', namespace: 'default', ...RUN });
  const { spec: usual } = aTrial();
  for (let from = 0; from < count; from += manifests.length) {
    const run = `shelf-${from / manifests.length}`;
    const made = manifests.slice(0, count - from).map(({ metadata, spec }, index) => {
      const trial = trialOf(`${run}-${metadata.name}`, {
        spec: { ...usual, ...spec, run, suspend: false, uploadResults: true },
      });
      const status = endedStatus(trial, index % 2);
      return server.collection(TrialKind).create({ ...trial, status }) as unknown as Trial;
    });
    await indexed(artifacts, run, made);
  }
}

/** What the operator wrote when they ended. */
async function indexed(artifacts: ArtifactStore, run: string, trials: Trial[]): Promise<void> {
  const key = { run, namespace: 'default' };
  const { job } = await findJob(artifacts, key);
  const fresh = trials.flatMap((trial) => recordOf(trial) ?? []);
  const { manifest, stored } = extended(emptyManifest(run, key.namespace), {
    tail: [],
    fresh,
    complete: true,
  });
  await storeShards(artifacts, job, stored);
  await storeManifest(artifacts, job, { manifest, etag: undefined });
}

function waiting(server: ApiServer, name: string): Promise<number> {
  server.collection(TrialKind).create(trialOf(name));
  const { watchers } = server.collection(JobKind);
  return new Promise((resolve) => {
    const hear = ({ object }: { object: { metadata: { name: string } } }): void => {
      if (object.metadata.name !== `${name}-1`) return;
      watchers.delete(hear);
      resolve(performance.now());
    };
    watchers.add(hear);
  });
}

/** Bytes that an operator holds now and held at most, by the kernel's account; V8's heap, what is garbage included; processor seconds so far. */
export async function usageOf(
  operator: OwnOperator,
): Promise<Record<'rss' | 'peak' | 'heap' | 'cpu', number>> {
  const status = await readFile(`/proc/${operator.pid}/status`, 'utf8');
  const metrics = await operator.metrics();
  return {
    rss: bytesOf(status, 'VmRSS'),
    peak: bytesOf(status, 'VmHWM'),
    heap: valueOf(metrics, 'nodejs_heap_size_used_bytes'),
    cpu: valueOf(metrics, 'process_cpu_seconds_total'),
  };
}

const valueOf = (samples: Sample[], name: string): number =>
  samples.find((sample) => sample.name === name)?.value ?? NaN;
