/** A cluster in memory whose operator dies and is started again: API server, kubelet, store, registry, builder, and one operator at a time. */
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../src/crds/kinds.ts';
import type { TaskBuild } from '../../src/crds/task-build.ts';
import type { Trial, TrialSpec } from '../../src/crds/trial.ts';
import { ConfigMap as ConfigMapKind } from '../../src/kube/kinds.ts';
import type { Kind, KubeObject } from '../../src/kube/types.ts';
import { memoryArtifactStore } from '../../src/providers/artifact-store/memory.ts';
import { memoryImageBuilder } from '../../src/providers/image-builder/memory.ts';
import type { MemoryImageBuilderOptions } from '../../src/providers/image-builder/memory.ts';
import { memoryImageRegistry } from '../../src/providers/image-registry/memory.ts';
import { ApiServer, type SeenRequest } from '../support/api-server.ts';
import { aTrial } from '../support/builders.ts';
import { configMap, connectTo, fastClock, recordingLog, until } from '../support/kube.ts';
import { Kubelet } from '../support/kubelet.ts';
import type { Fate } from '../support/kubelet/fate.ts';
import { Life, type Death } from '../support/mortal.ts';
import { TestOperator } from '../support/operator.ts';
import { seeded } from '../support/random.ts';
import { Invariants, isTerminal } from './invariants.ts';

export interface WorldOptions {
  seed?: number;
  /** What becomes of each Pod; default: a reward. */
  fate?: (trial: Trial, attempt: number) => Fate;
  /** How builds go; they take no time by default. */
  builds?: Pick<MemoryImageBuilderOptions, 'outcome' | 'buildMs'>;
  /** The operator's waits are so many times shorter; default 100. */
  haste?: number;
}

/** By when what was on its way at a death arrives, counted from when the next operator is ready; milliseconds. */
const LATE_MS = 8;

const WRITES = new Set(['create', 'replaceStatus', 'replace', 'apply', 'patch', 'delete']);

/** Events are told in the background and decide nothing. */
const changesCluster = (method: string, [kind]: unknown[]): boolean =>
  WRITES.has(method) && (kind as Kind<KubeObject>).plural !== 'events';

/** Whether a request at the API server changes anything but events and the lease. */
export const isWrite = ({ method, path }: SeenRequest): boolean =>
  method !== 'GET' && !/\/(events|leases)(\/|$)/.test(path);

export class World {
  readonly server: ApiServer;
  readonly invariants: Invariants;
  readonly registry = memoryImageRegistry();
  readonly artifacts = memoryArtifactStore();
  readonly builder;
  readonly kubelet: Kubelet;
  readonly log = recordingLog();
  /** Images in the order of their pushes. */
  readonly pushed: string[] = [];
  readonly random: () => number;
  readonly #late: (() => Promise<unknown>)[] = [];
  readonly #lateKube;
  readonly #haste: number;
  #skewMs = 0;
  #life: Life | undefined;

  private constructor(server: ApiServer, options: WorldOptions) {
    const { seed = 1, fate = () => ({ kind: 'rewarded' }), builds, haste = 100 } = options;
    this.#haste = haste;
    this.server = server;
    this.random = seeded(seed);
    this.invariants = new Invariants(server);
    this.builder = memoryImageBuilder({
      ...builds,
      now: () => this.now().getTime(),
      onPush: (image, digest) => {
        this.pushed.push(image);
        this.registry.add(image, { digest });
      },
    });
    this.kubelet = new Kubelet({ server, artifacts: this.artifacts, fate, random: this.random });
    this.#lateKube = connectTo(server);
    this.registry.add('debian:bookworm-slim');
    this.add(ConfigMapKind, configMap('hello-task'));
    this.add(ConfigMapKind, configMap('context'));
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    return new World(await ApiServer.start(), options);
  }

  async close(): Promise<void> {
    this.kill();
    this.kubelet.stop();
    await this.#lateKube.close();
    await this.server.close();
  }

  /** The time that the controllers read. */
  readonly now = (): Date => new Date(Date.now() + this.#skewMs);

  /** Lets that time jump ahead. */
  pass(ms: number): void {
    this.#skewMs += ms;
  }

  get trials(): Trial[] {
    return [...this.server.collection(TrialKind).objects.values()] as unknown as Trial[];
  }

  get taskBuilds(): TaskBuild[] {
    return [...this.server.collection(TaskBuildKind).objects.values()] as unknown as TaskBuild[];
  }

  trial(name: string): Trial | undefined {
    return this.trials.find(({ metadata }) => metadata.name === name);
  }

  /** Makes a Trial that has what `aTrial` has, and does not wait between its attempts; `status` where it is an old one. */
  apply(name: string, spec: Partial<TrialSpec> = {}, status?: Trial['status']): void {
    const trial = aTrial({ spec: { backoffSeconds: 0, ...spec }, ...(status && { status }) });
    const environment = spec.environment ?? trial.spec.environment;
    const metadata = { name, namespace: 'default' };
    this.add(TrialKind, { ...trial, metadata, spec: { ...trial.spec, environment } });
  }

  /** What a user does to a Trial. */
  change(name: string, spec: Partial<TrialSpec>): void {
    const trial = this.trial(name);
    if (trial) this.server.collection(TrialKind).update({ ...trial, spec: { ...trial.spec, ...spec } });
  }

  /** Deletes a TaskBuild. */
  removeTaskBuild(name: string): void {
    this.server.collection(TaskBuildKind).delete('default', name);
  }

  add<T extends KubeObject>(kind: Kind<T>, object: T): void {
    this.server.collection(kind).create(object);
  }

  /** Starts an operator that may die at an effect; resolves once its caches are full, or it is dead. */
  async startOperator(death?: Death): Promise<Life> {
    const life = new Life({ death, deliverLate: (effect) => this.#late.push(effect) });
    this.#life = life;
    const own = connectTo(this.server, { clock: life.clock(fastClock(this.#haste)), log: this.log });
    const died = new Promise<void>((resolve) => life.onDeath(resolve));
    life.onDeath(() => void own.close());
    const operator = new TestOperator({
      kube: { ...own, client: life.view(own.client, changesCluster, this.#lateKube.client) },
      artifacts: life.view(this.artifacts, (method) => method === 'put'),
      registry: life.view(this.registry, () => false),
      builder: life.view(this.builder, (method) => method === 'start' || method === 'stop'),
      now: this.now,
    });
    await operator.start();
    await Promise.race([operator.whenSynced(), died]);
    for (const effect of this.#late.splice(0))
      setTimeout(() => void effect().catch(() => {}), LATE_MS * this.random());
    return life;
  }

  /** Ends the operator where it stands: its connections are cut, its timers are gone. */
  kill(): void {
    this.#life?.die();
  }

  /** Whether every Trial and TaskBuild has ended, and those that were to go are gone. */
  get ended(): boolean {
    const goes = this.trials.some(({ spec }) => spec.ttlSecondsAfterFinished !== undefined);
    return !goes && [...this.trials, ...this.taskBuilds].every(isTerminal);
  }

  /** Waits until everything has come to its end under an operator that lives: first in real time, then in leaps. */
  async rest(limitMs = 5000): Promise<void> {
    const atRest = (): boolean => this.ended && this.kubelet.alive.length === 0;
    await until('everything has ended', () => this.ended, limitMs).catch(() => {});
    for (let leaps = 0; leaps < 5 && !atRest(); leaps++) {
      this.pass(20_000);
      await until('nothing is left', atRest, 1000).catch(() => {});
    }
  }
}
