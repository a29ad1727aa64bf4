/** Composition root: wires controllers and broker. Every replica serves the broker; the leader reconciles. */
import { lookup as lookUpAddresses } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { subjects } from './broker/identity/subjects.ts';
import { tokenVerifier } from './broker/identity/token.ts';
import { brokerMetrics } from './broker/metrics.ts';
import { startProbe } from './broker/probe.ts';
import { startBroker } from './broker/server.ts';
import { brokerCertificate } from './broker/tls/certificates.ts';
import { readConfig, type Config } from './config.ts';
import { abandonedBuildsControl } from './controllers/abandoned-builds/controller.ts';
import { expiryController } from './controllers/expiry/controller.ts';
import { networkControl, Standing } from './controllers/network/controller.ts';
import { orphansController } from './controllers/orphans/controller.ts';
import { runsControl } from './controllers/runs/controller.ts';
import { Known } from './controllers/runs/known.ts';
import { taskBuildControl } from './controllers/task-build/controller.ts';
import { trialController } from './controllers/trial/controller.ts';
import { Lookups } from './images/lookups.ts';
import { WatchingOperator } from './controllers/watched.ts';
import { BROKER, OPERATOR, OPERATOR_LABELS } from './installation/names.ts';
import { connect, type Kube } from './kube/connect.ts';
import { collectProcessMetrics, serveHealth } from './kube/health.ts';
import { createMetrics } from './kube/metrics.ts';
import { runOrDie, stopAtSignal } from './kube/process.ts';
import { inWorkOf } from './kube/work/in-work.ts';
import { lookup } from './providers/lookup.ts';
import { providerMetrics } from './providers/metered.ts';
import type { Adapters } from './providers/profiles/profile.ts';
import { openAdapters } from './providers/profiles/profiles.ts';
import { TaskReader } from './task-source/read.ts';

export interface Parts extends Adapters {
  config: Config;
  kube: Kube;
  brokerCa: () => string;
  /** IP addresses of a host. */
  addressesOf: (host: string) => Promise<string[]>;
}

/** Trials reconciled at the same time; each waits for the API server or the store most of the while. */
const TRIAL_WORKERS = 32;
/** Presigned URLs live this long: enough for the largest file, short for anything that leaks. */
const PRESIGN_SECONDS = 300;

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
    this.tasks = new TaskReader({ kube: this.client, artifacts: parts.artifacts, rulesOf: this.rulesOf });
  }

  protected override async init(): Promise<void> {
    const { config, artifacts, registry, builder, repository, logLinks, brokerCa, kube } = this.#parts;
    const { clock } = kube;
    const { trials, jobs, tasks } = this;
    const lookups = new Lookups(clock);
    const { courierImage, imagePullSecrets, userNamespaces, gpus, broker, imagePlatform: platform } = config;
    const pods = { courierImage, imagePullSecrets, userNamespaces, gpus, brokerUrl: broker.url };
    const settings = () => ({ ...pods, brokerCa: brokerCa() });
    const sources = { ...this.sources, events: this.events, registry, artifacts };
    const network = { policiesOf: this.#keepPolicies(), brokerAddress: () => this.#brokerAddress() };
    this.control({
      name: 'trial',
      store: trials,
      owns: [jobs],
      also: [this.trialsOfPods(), this.trialsOfBuilds(), this.trialsOfPolicies()],
      reconcile: trialController({
        ...sources,
        ...network,
        tasks,
        gpus,
        lookups,
        logLinks,
        platform,
        settings,
      }),
      concurrency: TRIAL_WORKERS,
    });
    this.control(
      taskBuildControl({
        ...sources,
        builder,
        clock,
        limits: config.buildLimits,
        maxConcurrent: config.maxConcurrentBuilds,
        maxPerNamespace: config.maxBuildsPerNamespace,
        rules: {
          repository,
          repositories: config.imageRepositories,
          ownImage: courierImage,
          platform,
          sharing: config.imageSharing,
        },
      }),
    );
    this.control(abandonedBuildsControl({ ...sources, builder }));
    const known = new Known();
    this.control(runsControl({ ...sources, known, clock }));
    const expiry = expiryController({ ...sources, isRecorded: (uid) => known.isRecorded(uid) });
    this.control({ name: 'expiry', store: trials, reconcile: expiry });
    const orphans = orphansController(sources);
    this.control({ name: 'orphans', store: jobs, also: [this.jobsOfTrials()], reconcile: orphans });
  }

  async #brokerAddress(): Promise<string | undefined> {
    const { config, addressesOf } = this.#parts;
    const [address] = await addressesOf(new URL(config.broker.url).hostname);
    return address;
  }

  /** Gives what knows how the policies of a namespace stand. */
  #keepPolicies() {
    const { config, artifacts, kube, addressesOf } = this.#parts;
    const standing = new Standing(this.policies);
    this.control(
      networkControl({
        ...this.sources,
        standing,
        broker: { namespace: config.namespace, labels: { ...OPERATOR_LABELS }, port: config.broker.port },
        artifacts,
        allowed: config.egressAllowed,
        addressesOf,
        clock: kube.clock,
      }),
    );
    return (namespace: string) => standing.of(namespace);
  }
}

const addressesOf = async (host: string): Promise<string[]> =>
  (await lookUpAddresses(host, { all: true })).map(({ address }) => address);

/** Of this Pod or machine: no cluster has a tunnel lead back to it. */
const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));

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
  const operator = new SbOperator({ config, kube, brokerCa, addressesOf, ...adapters });
  const ready = { caches: () => operator.ready };
  const health = await serveHealth({ port: config.metricsPort, registry, ready });
  await operator.start();
  const broker = await startBroker({
    port: config.broker.port,
    certificate,
    tokens: tokenVerifier({ kube: kube.client, now }),
    subjects: subjects(operator.sources),
    tasks: operator.tasks,
    now,
    store: adapters.artifacts,
    egress: { allowed: config.egressAllowed, refused: ownAddresses() },
    storeLookup: lookup,
    rulesOf: operator.rulesOf,
    presignSeconds: PRESIGN_SECONDS,
    probePort: config.broker.probePort,
    log,
    metrics: brokerMetrics(registry),
  });
  const probe = await startProbe({ port: config.broker.probePort });
  const stopping = new AbortController();
  const keeping = certificate.keep(stopping.signal);
  stopAtSignal(log, async () => {
    stopping.abort();
    await Promise.all([operator.stop(), broker.close(), probe.close(), keeping]);
    await health.close();
    await kube.close();
  });
}

if (import.meta.main) await runOrDie(OPERATOR.name, main);
