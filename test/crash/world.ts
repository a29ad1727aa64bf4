/** A cluster in memory whose operator dies and is started again: API server, kubelet, store, registry, builder, and one operator at a time. */
import { setTimeout as wait } from 'node:timers/promises';
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../src/crds/kinds.ts';
import { ADHOC_RUN } from '../../src/crds/names.ts';
import { present } from '../../src/crds/present.ts';
import type { TaskBuild, TaskBuildSpec } from '../../src/crds/task-build.ts';
import type { Trial, TrialSpec } from '../../src/crds/trial.ts';
import { systemClock } from '../../src/async/clock.ts';
import type { ConnectOptions } from '../../src/kube/connect.ts';
import { ConfigMap as ConfigMapKind } from '../../src/kube/kinds.ts';
import type { Kind, KubeObject } from '../../src/kube/types.ts';
import type { ProviderError } from '../../src/providers/errors.ts';
import { memoryArtifactStore } from '../../src/providers/artifact-store/memory.ts';
import { memoryImageBuilder } from '../../src/providers/image-builder/memory.ts';
import type { MemoryImageBuilderOptions } from '../../src/providers/image-builder/memory.ts';
import { memoryImageRegistry } from '../../src/providers/image-registry/memory.ts';
import { storedLogLinks } from '../../src/providers/log-links/stored.ts';
import type { ImageBuilder } from '../../src/providers/image-builder/port.ts';
import { ApiServer, type SeenRequest } from '../support/api-server.ts';
import { aTrial, SOLVED_DATA } from '../support/builders/objects.ts';
import type { CodeBuildService } from '../support/codebuild/service.ts';
import { configMap, connectTo, fastClock, recordingLog, until } from '../support/kube.ts';
import { Kubelet } from '../support/kubelet.ts';
import type { Fate } from '../support/kubelet/fate.ts';
import { Life, type Death } from '../support/mortal.ts';
import { TestOperator } from '../support/operator.ts';
import { seeded } from '../support/random.ts';
import { codeBuildOf, mortalCodeBuild, type CodeBuildWorld } from './builders.ts';
import { aggregateBreaches, aggregatesOf } from './aggregates.ts';
import { Invariants, isTerminal } from './invariants.ts';

export interface WorldOptions {
  seed?: number;
  /** What becomes of each Pod; default: a reward. */
  fate?: (trial: Trial, attempt: number) => Fate;
  /** How builds go; they take no time by default. */
  builds?: Pick<MemoryImageBuilderOptions, 'outcome' | 'buildMs'>;
  /** CodeBuild builds instead, through its real adapter. */
  codebuild?: CodeBuildWorld;
  maxConcurrentBuilds?: number;
  /** What a call of the registry or the bucket throws instead of answering. */
  fault?: (operation: string, of: string) => ProviderError | undefined;
  /** Trials that end in all, those included that are deleted afterwards; default: those that there are. */
  endings?: number;
  /** The operator's waits are so many times shorter; default 100. */
  haste?: number;
  /** How an operator reaches the API server; default: at once. */
  reaching?: () => Pick<ConnectOptions, 'kubeConfig' | 'requestTimeoutMs'>;
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
  readonly registry;
  readonly artifacts;
  readonly builder;
  readonly kubelet: Kubelet;
  readonly log = recordingLog();
  /** Images in the order of their pushes. */
  readonly pushed: string[] = [];
  readonly random: () => number;
  readonly #late: (() => Promise<unknown>)[] = [];
  readonly #lateKube;
  readonly #options: WorldOptions;
  #codebuild: CodeBuildService | undefined;
  readonly #closers: (() => Promise<void>)[] = [];
  #skewMs = 0;
  #life: Life | undefined;
  readonly #operators = new Map<Life, TestOperator>();
  #lives = 0;
  #arriving = 0;

  private constructor(server: ApiServer, options: WorldOptions) {
    const { seed = 1, fate = () => ({ kind: 'rewarded' }), builds, fault } = options;
    this.registry = memoryImageRegistry(present({ fault }));
    this.artifacts = memoryArtifactStore(present({ fault }));
    this.#options = options;
    this.server = server;
    this.random = seeded(seed);
    this.invariants = new Invariants(server);
    this.builder = memoryImageBuilder({
      ...builds,
      now: () => this.now().getTime(),
      onPush: (image, digest) => this.#push(image, digest),
    });
    this.kubelet = new Kubelet({ server, artifacts: this.artifacts, fate, random: this.random });
    // Without timers: what a dead process sent arrives once or not at all, nobody sends it again.
    this.#lateKube = connectTo(server, { clock: { ...systemClock, after: () => () => {} } });
    this.registry.add('debian:bookworm-slim');
    this.add(ConfigMapKind, configMap('hello-task', SOLVED_DATA));
    this.add(ConfigMapKind, configMap('context'));
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const world = new World(await ApiServer.start(), options);
    if (options.codebuild)
      world.#codebuild = await codeBuildOf(
        { now: world.now, push: (image, digest) => world.#push(image, digest) },
        options.codebuild,
      );
    return world;
  }

  async close(): Promise<void> {
    this.kill();
    this.kubelet.stop();
    await Promise.all(this.#closers.map((close) => close()));
    await this.#codebuild?.close();
    await this.#lateKube.close();
    await this.server.close();
  }

  /** The time that the controllers read. */
  readonly now = (): Date => new Date(Date.now() + this.#skewMs);

  /** Lets that time jump ahead. */
  pass(ms: number): void {
    this.#skewMs += ms;
  }

  /** The service, in a world that has one. */
  get codebuild(): CodeBuildService {
    if (!this.#codebuild) throw new Error('this world has no CodeBuild');
    return this.#codebuild;
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

  /** Deletes a Trial. */
  remove(name: string): void {
    this.server.collection(TrialKind).delete('default', name);
  }

  /** Applies the manifest of a Trial again that was there, as a GitOps tool does once somebody has deleted it. */
  applyAgain({ metadata: { name, namespace }, spec, apiVersion, kind }: Trial): void {
    const metadata = { name, ...present({ namespace }) };
    this.add(TrialKind, { apiVersion, kind, metadata, spec: { ...spec, suspend: false, cancel: false } });
  }

  /** Whether a Trial that has ended is in the index of its run: what is deleted before may be lost to it with its leader. */
  async isIndexed({ metadata, spec }: Trial): Promise<boolean> {
    const run = { namespace: metadata.namespace ?? '', run: spec.run ?? ADHOC_RUN };
    const stored = await aggregatesOf(this.artifacts, run);
    return stored?.records.some(({ uid }) => uid === metadata.uid) ?? false;
  }

  /** What a user does to a TaskBuild. */
  changeTaskBuild(name: string, spec: Partial<TaskBuildSpec>): void {
    const build = this.taskBuilds.find(({ metadata }) => metadata.name === name);
    if (build) this.server.collection(TaskBuildKind).update({ ...build, spec: { ...build.spec, ...spec } });
  }

  /** Deletes a TaskBuild. */
  removeTaskBuild(name: string): void {
    this.server.collection(TaskBuildKind).delete('default', name);
  }

  add<T extends KubeObject>(kind: Kind<T>, object: T): void {
    this.server.collection(kind).create(object);
  }

  /** Starts an operator that may die at an effect; resolves once its caches are full, or it is dead. */
  async startOperator(death?: Death, haste = this.#options.haste ?? 100): Promise<Life> {
    const life = new Life({ death, deliverLate: (effect) => this.#late.push(effect) });
    this.#life = life;
    this.#lives += 1;
    const own = connectTo(this.server, {
      ...this.#options.reaching?.(),
      clock: life.clock(fastClock(haste)),
      log: this.log,
    });
    const died = new Promise<void>((resolve) => life.onDeath(resolve));
    life.onDeath(() => void own.close());
    const operator = new TestOperator({
      kube: { ...own, client: life.view(own.client, changesCluster, this.#lateKube.client) },
      artifacts: life.view(
        this.artifacts,
        (method) => method === 'put' || (['head', 'get'].includes(method) && this.#codebuild !== undefined),
      ),
      // Reads are effects, too, where each is a call of AWS that an operator may die at.
      registry: life.view(this.registry, () => this.#codebuild !== undefined),
      logLinks: storedLogLinks(),
      repository: 'registry.test/sandboxes',
      builder: await this.#builderOf(life),
      now: this.now,
      maxConcurrentBuilds: this.#options.maxConcurrentBuilds,
      identity: `test-${this.#lives}`,
    });
    this.#operators.set(life, operator);
    life.onDeath(() => this.#operators.delete(life));
    await operator.start();
    await Promise.race([operator.whenSynced(), died]);
    for (const effect of this.#late.splice(0)) void this.#arrive(effect);
    return life;
  }

  /** What a dead operator had sent. */
  async #arrive(effect: () => Promise<unknown>): Promise<void> {
    this.#arriving += 1;
    await wait(LATE_MS * this.random());
    await effect().catch(() => {});
    this.#arriving -= 1;
  }

  async #builderOf(life: Life): Promise<ImageBuilder> {
    if (!this.#codebuild) return life.view(this.builder, (method) => method === 'start' || method === 'stop');
    const { builder, close } = await mortalCodeBuild(life, this.#codebuild, {
      now: this.now,
      pollMs: this.#options.codebuild?.pollMs,
    });
    this.#closers.push(close);
    return builder;
  }

  #push(image: string, digest: string): void {
    this.pushed.push(image);
    this.registry.add(image, { digest });
  }

  /**
   * Rests, under another operator once this one has died, so long after its death. It may die late: on a slow machine it is still at the effect that
   * it dies at when a rest is over in vain.
   */
  async restAfter(life: Life, outageMs = 0): Promise<void> {
    const died = new Promise<void>((resolve) => life.onDeath(resolve));
    await Promise.race([died, this.rest()]);
    for (let again = 0; again < 2; again++) {
      if (life.dead && this.#life === life) {
        this.pass(outageMs);
        await this.startOperator();
      }
      await this.rest();
    }
  }

  /** Ends the operator where it stands: its connections are cut, its timers are gone. */
  kill(): void {
    this.#life?.die();
  }

  /** Tells the operator to stop that leads, once one does, and waits until it has ended. */
  async stopLeader(): Promise<void> {
    let found: [Life, TestOperator] | undefined;
    const leads = (): boolean =>
      (found = [...this.#operators].find(([, { leading }]) => leading)) !== undefined;
    await until('one leads', leads);
    await found?.[1].stop();
    found?.[0].die();
  }

  /** Number of operators started so far. */
  get lives(): number {
    return this.#lives;
  }

  /** Whether every Trial and TaskBuild has ended, and those that were to go are gone. */
  get ended(): boolean {
    const goes = this.trials.some(({ spec }) => spec.ttlSecondsAfterFinished !== undefined);
    const isOver = this.invariants.ended.size >= (this.#options.endings ?? 0);
    return isOver && !goes && [...this.trials, ...this.taskBuilds].every(isTerminal);
  }

  #versions(): string {
    return [...this.trials, ...this.taskBuilds].map(({ metadata }) => metadata.resourceVersion).join();
  }

  /** Waits until everything has come to its end under an operator that lives: first in real time, then in leaps, as long as they change anything. */
  async rest(limitMs = 5000): Promise<void> {
    const atRest = (): boolean => this.ended && this.#arriving === 0 && this.kubelet.unfinished.length === 0;
    await until('everything has ended', () => this.ended, limitMs).catch(() => {});
    for (let [leaps, idle] = [0, 0]; leaps < 60 && idle < 5 && !atRest(); leaps++) {
      const before = this.#versions();
      this.pass(20_000);
      await until('nothing is left', atRest, 1000).catch(() => {});
      idle = this.#versions() === before ? idle + 1 : 0;
    }
    await aggregateBreaches(this.artifacts, this.invariants.ended, limitMs);
  }
}
