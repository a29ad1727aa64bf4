/** Composition root: wires controllers and broker. Every replica serves the broker; the leader reconciles. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { subjects } from './broker/identity/subjects.ts';
import { tokenVerifier } from './broker/identity/token.ts';
import { brokerMetrics } from './broker/metrics.ts';
import { startBroker } from './broker/server.ts';
import { brokerCertificate } from './broker/tls/certificates.ts';
import { readConfig, type Config } from './config.ts';
import { AbandonedBuilds, abandonedBuildsController } from './controllers/abandoned-builds/controller.ts';
import { expiryController } from './controllers/expiry/controller.ts';
import type { ExpiryDeps } from './controllers/expiry/controller.ts';
import { orphansController } from './controllers/orphans/controller.ts';
import { BuildStates } from './controllers/task-build/build-states.ts';
import { Slots } from './controllers/task-build/slots.ts';
import { runsController } from './controllers/runs/controller.ts';
import type { RunDeps } from './controllers/runs/controller.ts';
import { Known, runKeyOf } from './controllers/runs/known.ts';
import { TaskRuns } from './controllers/runs/task-runs.ts';
import { taskBuildController } from './controllers/task-build/controller.ts';
import type { TaskBuildDeps } from './controllers/task-build/controller.ts';
import { trialController } from './controllers/trial/controller.ts';
import { Lookups } from './images/lookups.ts';
import { WatchingOperator } from './controllers/watched.ts';
import { BROKER, OPERATOR } from './installation/names.ts';
import { connect, type Kube } from './kube/connect.ts';
import { isFinished } from './crds/conditions.ts';
import { collectProcessMetrics, serveHealth } from './kube/health.ts';
import { createMetrics } from './kube/metrics.ts';
import { runOrDie, stopAtSignal } from './kube/process.ts';
import { inWorkOf } from './kube/work/in-work.ts';
import { providerMetrics } from './providers/metered.ts';
import type { Adapters } from './providers/profiles/profile.ts';
import { openAdapters } from './providers/profiles/profiles.ts';
import { TaskReader } from './task-source/read.ts';

export interface Parts extends Adapters {
  config: Config;
  kube: Kube;
  brokerCa: () => string;
}

/** Trials reconciled at the same time; each waits for the API server or the store most of the while. */
const TRIAL_WORKERS = 32;
/** TaskBuilds reconciled at the same time: a hundred that come together are started within a second, a few calls each. */
const BUILD_WORKERS = 32;
/** Presigned URLs live this long: enough for the largest file, short for anything that leaks. */
const PRESIGN_SECONDS = 300;
/** Runs written at the same time; the index of each may have to be read first. */
const RUN_WORKERS = 4;
/** Two thousand Trials that end at once are two thousand objects. */
const RUN_TIMEOUT_MS = 300_000;

/** The controllers and what wakes them. */
export class SbOperator extends WatchingOperator {
  readonly #parts: Parts;
  /** One for controllers and broker: what the one has read the other need not. */
  readonly tasks: TaskReader;

  constructor(parts: Parts) {
    const { kube, config } = parts;
    super({
      kube,
      component: OPERATOR.name,
      identity: config.identity,
      lease: { namespace: config.namespace, name: OPERATOR.name },
      inWork: config.workFolder === undefined ? undefined : inWorkOf(config.workFolder, kube.log),
      requireTaskPrefixes: config.requireTaskPrefixes,
    });
    this.#parts = parts;
    const { artifacts } = parts;
    this.tasks = new TaskReader({ kube: this.client, artifacts, rulesOf: this.rulesOf });
  }

  protected override async init(): Promise<void> {
    const { config, artifacts, registry, logLinks, brokerCa, kube } = this.#parts;
    const { trials, jobs, tasks } = this;
    const lookups = new Lookups(kube.clock);
    const { courierImage, imagePullSecrets, userNamespaces, broker } = config;
    const pods = { courierImage, imagePullSecrets, userNamespaces, brokerUrl: broker.url };
    const settings = () => ({ ...pods, brokerCa: brokerCa() });
    const sources = { ...this.sources, events: this.events, registry, artifacts };
    this.control({
      name: 'trial',
      store: trials,
      owns: [jobs],
      also: [this.trialsOfPods(), this.trialsOfBuilds()],
      reconcile: trialController({
        ...sources,
        tasks,
        lookups,
        logLinks,
        platform: config.imagePlatform,
        settings,
      }),
      concurrency: TRIAL_WORKERS,
    });
    this.#controlBuilds(sources);
    this.#controlRuns(sources);
    const also = [this.jobsOfTrials()];
    this.control({ name: 'orphans', store: jobs, also, reconcile: orphansController(sources) });
  }

  #controlRuns(sources: Omit<RunDeps & ExpiryDeps, 'known' | 'taskRuns' | 'monotonic' | 'isRecorded'>): void {
    const { trials } = this;
    const { clock } = this.#parts.kube;
    const known = new Known();
    const monotonic = (): number => clock.monotonic();
    this.control({
      name: 'runs',
      store: trials,
      keys: (trial) => [runKeyOf(trial)],
      matters: (before, after) => isFinished(before) !== isFinished(after),
      also: [known.feed(trials)],
      reconcile: runsController({ ...sources, known, taskRuns: new TaskRuns(), monotonic }),
      concurrency: RUN_WORKERS,
      reconcileTimeoutMs: RUN_TIMEOUT_MS,
    });
    const isRecorded = (uid: string): boolean => known.isRecorded(uid);
    this.control({
      name: 'expiry',
      store: trials,
      reconcile: expiryController({ ...sources, isRecorded }),
    });
  }

  #controlBuilds(sources: Omit<TaskBuildDeps, 'slots' | 'states' | 'limits' | 'builder' | 'rules'>): void {
    const { config, builder, repository, kube } = this.#parts;
    const { taskBuilds } = this;
    const slots = new Slots(taskBuilds, config.maxConcurrentBuilds, config.maxBuildsPerNamespace);
    const states = new BuildStates({ builder, taskBuilds, clock: kube.clock });
    const { buildLimits: limits } = config;
    const rules = {
      repository,
      repositories: config.imageRepositories,
      ownImage: config.courierImage,
      platform: config.imagePlatform,
      sharing: config.imageSharing,
    };
    this.control({
      name: 'task-build',
      store: taskBuilds,
      also: [slots.feed()],
      reconcile: taskBuildController({ ...sources, slots, states, limits, builder, rules }),
      concurrency: BUILD_WORKERS,
    });
    const abandoned = new AbandonedBuilds(taskBuilds, sources.now);
    this.control({
      name: 'abandoned-builds',
      store: taskBuilds,
      matters: () => false,
      also: [abandoned.feed()],
      reconcile: abandonedBuildsController({ abandoned, builder }),
      concurrency: BUILD_WORKERS,
    });
  }
}

/** Starts everything; at a signal it ends in order: work and broker, health, connections. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = pino({ level: config.logLevel });
  const registry = new Registry();
  collectProcessMetrics(registry);
  const kube = connect({ log, metrics: createMetrics(registry) });
  const now = (): Date => new Date();
  const installed = { namespace: config.namespace, secret: BROKER.certificate, service: BROKER.service };
  const names = [new URL(config.broker.url).hostname];
  const certificate = await brokerCertificate({ kube: kube.client, ...installed, names, now, log });
  const brokerCa = (): string => certificate.ca();
  const adapters = await openAdapters(config, { kube, brokerCa, metrics: providerMetrics(registry) });
  const operator = new SbOperator({ config, kube, brokerCa, ...adapters });
  const ready = { caches: () => operator.ready };
  const health = await serveHealth({ port: config.metricsPort, registry, ready });
  await operator.start();
  const broker = await startBroker({
    port: config.broker.port,
    certificate,
    tokens: tokenVerifier({ kube: kube.client, now }),
    subjects: subjects(operator.sources),
    tasks: operator.tasks,
    now: () => new Date(),
    store: adapters.artifacts,
    rulesOf: operator.rulesOf,
    presignSeconds: PRESIGN_SECONDS,
    log,
    metrics: brokerMetrics(registry),
  });
  const stopping = new AbortController();
  const keeping = certificate.keep(stopping.signal);
  stopAtSignal(log, async () => {
    stopping.abort();
    await Promise.all([operator.stop(), broker.close(), keeping]);
    await health.close();
    await kube.close();
  });
}

if (import.meta.main) await runOrDie(OPERATOR.name, main);
