/** Composition root: the only file that builds clients, adapters and controllers. Every replica serves the broker; the leader reconciles. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { subjects } from './broker/identity/subjects.ts';
import { tokenVerifier } from './broker/identity/token.ts';
import { brokerMetrics } from './broker/metrics.ts';
import { startBroker } from './broker/server.ts';
import { brokerCertificate } from './broker/tls/certificates.ts';
import { readConfig } from './config.ts';
import type { AwsConfig, Config, LocalConfig } from './config.ts';
import { expiryController } from './controllers/expiry/controller.ts';
import { orphansController } from './controllers/orphans/controller.ts';
import { stopsAbandoned } from './controllers/task-build/abandoned.ts';
import { BuildStates } from './controllers/task-build/build-states.ts';
import { bySlot } from './controllers/task-build/queue.ts';
import { Slots } from './controllers/task-build/slots.ts';
import { taskBuildController } from './controllers/task-build/controller.ts';
import type { TaskBuildDeps } from './controllers/task-build/controller.ts';
import { trialController } from './controllers/trial/controller.ts';
import { byTaskBuild, keptOf } from './controllers/trial/ended.ts';
import { Lookups } from './controllers/trial/lookups.ts';
import { TaskBuild, Trial } from './crds/kinds.ts';
import { withOwnMarks } from './crds/marks.ts';
import { ANNOTATION, LABEL } from './crds/names.ts';
import { namespaceRules } from './crds/namespace-rules.ts';
import type { NamespaceRules } from './crds/namespace-rules.ts';
import { connect } from './kube/connect.ts';
import type { Kube } from './kube/connect.ts';
import { collectProcessMetrics, serveHealth } from './kube/health.ts';
import { Job, Namespace, Pod } from './kube/kinds.ts';
import { createMetrics } from './kube/metrics.ts';
import { feed, Operator } from './kube/operator.ts';
import type { ObjectKey } from './kube/types.ts';
import { keyOf, keyString } from './kube/cache/cache.ts';
import { inWorkOf } from './kube/work/in-work.ts';
import { byControllerUid } from './pods/ownership.ts';
import { settling } from './providers/aws/settling.ts';
import { s3ArtifactStore } from './providers/artifact-store/s3.ts';
import type { ArtifactStore } from './providers/artifact-store/port.ts';
import { codebuildImageBuilder } from './providers/image-builder/codebuild.ts';
import { buildkitImageBuilder } from './providers/image-builder/buildkit.ts';
import type { ImageBuilder } from './providers/image-builder/port.ts';
import { ecrImageRegistry, ecrRepositoryUri } from './providers/image-registry/ecr.ts';
import { ociImageRegistry } from './providers/image-registry/oci.ts';
import { cloudwatchLogLinks } from './providers/log-links/cloudwatch.ts';
import type { LogLinks } from './providers/log-links/port.ts';
import { storedLogLinks } from './providers/log-links/stored.ts';
import { metered, providerMetrics } from './providers/metered.ts';
import type { ProviderMetrics } from './providers/metered.ts';
import { retried } from './providers/retry.ts';
import type { ImageRegistry } from './providers/image-registry/port.ts';

export interface Adapters {
  artifacts: ArtifactStore;
  registry: ImageRegistry;
  builder: ImageBuilder;
  logLinks: LogLinks;
  /** Where built images go that name no repository. */
  repository: string;
}

export interface Parts extends Adapters {
  config: Config;
  kube: Kube;
  brokerCa: () => string;
}

const now = (): Date => new Date();
/** Trials reconciled at the same time; each waits for the API server or the store most of the while. */
const TRIAL_WORKERS = 32;
/** TaskBuilds reconciled at the same time: a hundred that come together are started within a second, a few calls each. */
const BUILD_WORKERS = 32;

const OF_TRIALS = {
  labelSelector: LABEL.trial,
  indexers: { owner: byControllerUid },
  transform: withOwnMarks,
};

/** The controllers and what wakes them. */
export class SbOperator extends Operator {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    const { kube, config } = parts;
    super({
      kube,
      component: 'sb-operator',
      identity: config.identity,
      lease: { namespace: config.namespace, name: 'sb-operator' },
      inWork: config.workFolder === undefined ? undefined : inWorkOf(config.workFolder, kube.log),
    });
    this.#parts = parts;
  }

  readonly trials = this.watch(Trial, { indexers: { taskBuild: byTaskBuild }, transform: keptOf });
  readonly taskBuilds = this.watch(TaskBuild, { indexers: { slot: bySlot }, transform: withOwnMarks });
  readonly jobs = this.watch(Job, OF_TRIALS);
  readonly pods = this.watch(Pod, OF_TRIALS);
  readonly namespaces = this.watch(Namespace, { transform: withOwnMarks });

  /** What controllers and broker read from. */
  get sources() {
    const { trials, taskBuilds, jobs, pods, client: kube, rulesOf } = this;
    return { kube, trials, taskBuilds, jobs, pods, rulesOf, log: this.log, now };
  }

  /** What the admins decided for a namespace; one that the cache does not know yet is asked for, or it would be open for being new. */
  readonly rulesOf = async (name: string): Promise<NamespaceRules> => {
    const key = { namespace: '', name };
    const found = this.namespaces.get(key) ?? (await this.client.get(Namespace, key));
    return namespaceRules(found?.metadata.annotations, {
      requirePrefixes: this.#parts.config.requireTaskPrefixes,
    });
  };

  protected override async init(): Promise<void> {
    const { config, artifacts, registry, logLinks, brokerCa, kube } = this.#parts;
    const { trials, taskBuilds, jobs, pods } = this;
    const lookups = new Lookups(kube.clock);
    const settings = () => ({
      courierImage: config.courierImage,
      imagePullSecrets: config.imagePullSecrets,
      brokerUrl: config.broker.url,
      brokerCa: brokerCa(),
      userNamespaces: config.userNamespaces,
    });
    const sources = { ...this.sources, events: this.events, registry, artifacts };
    this.control({
      name: 'trial',
      store: trials,
      owns: [jobs],
      also: [
        feed({ store: pods, keys: trialOfPod }),
        feed({
          store: taskBuilds,
          keys: (build) => trials.by('taskBuild', keyString(keyOf(build))).map(keyOf),
        }),
      ],
      reconcile: trialController({ ...sources, lookups, logLinks, platform: config.imagePlatform, settings }),
      concurrency: TRIAL_WORKERS,
    });
    this.#controlBuilds(sources);
    this.control({ name: 'expiry', store: trials, reconcile: expiryController(sources) });
    this.control({
      name: 'orphans',
      store: jobs,
      also: [
        feed({ store: trials, keys: ({ metadata }) => jobs.by('owner', metadata.uid ?? '').map(keyOf) }),
      ],
      reconcile: orphansController(sources),
    });
  }

  #controlBuilds(
    sources: Omit<TaskBuildDeps, 'slots' | 'states' | 'backend' | 'limits' | 'builder' | 'rules'>,
  ): void {
    const { config, builder, repository, kube } = this.#parts;
    const { taskBuilds } = this;
    const slots = new Slots(taskBuilds, config.maxConcurrentBuilds, config.maxBuildsPerNamespace);
    const states = new BuildStates({ builder, taskBuilds, clock: kube.clock });
    const { backend } = builder;
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
      also: [slots.feed(), stopsAbandoned(taskBuilds, builder)],
      reconcile: taskBuildController({ ...sources, slots, states, backend, limits, builder, rules }),
      concurrency: BUILD_WORKERS,
    });
  }
}

function trialOfPod({ metadata }: Pod): ObjectKey[] {
  const name = metadata.annotations?.[ANNOTATION.trialName];
  return name === undefined ? [] : [{ namespace: metadata.namespace ?? '', name }];
}

/** Presigned URLs live this long: enough for the largest file, short for anything that leaks. */
const PRESIGN_SECONDS = 300;

type Steadied = <P extends object>(port: P, name: string) => P;

type AdapterNeeds = Pick<Parts, 'config' | 'kube' | 'brokerCa'> & { metrics: ProviderMetrics };

/** The adapters of the profile. Rejects where what they need is not there, naming it. */
async function adapters({ config, kube, brokerCa, metrics }: AdapterNeeds): Promise<Adapters> {
  const steadied: Steadied = (port, name) => retried(metered(port, name, metrics));
  return config.profile === 'aws'
    ? awsAdapters(config, (port, name) => settling(steadied(port, name), () => kube.clock.monotonic()))
    : localAdapters(config, steadied, { kube, brokerCa });
}

/** S3, ECR, CodeBuild and CloudWatch Logs. */
async function awsAdapters(config: AwsConfig, steadied: Steadied): Promise<Adapters> {
  const { region, stack, buildkitImage, baseImageMirrors, registryMirrors: mirrors } = config;
  const repository = await ecrRepositoryUri({ region, repository: config.ecrRepository });
  const builder = codebuildImageBuilder({
    region,
    stack,
    project: config.codebuildProject,
    buildkitImage,
    baseImageMirrors,
  });
  return {
    artifacts: steadied(s3ArtifactStore(config.s3), 'artifact-store'),
    registry: steadied(ecrImageRegistry({ repositoryUri: repository, region, mirrors }), 'image-registry'),
    builder: steadied(builder, 'image-builder'),
    logLinks: cloudwatchLogLinks({ region, group: config.logGroup }),
    repository,
  };
}

/** Any S3 endpoint, any OCI registry, BuildKit. */
function localAdapters(
  config: LocalConfig,
  steadied: Steadied,
  { kube, brokerCa }: Pick<Parts, 'kube' | 'brokerCa'>,
): Adapters {
  const { courierImage, broker, buildkit, baseImageMirrors } = config;
  const pod = { courierImage, brokerUrl: broker.url, brokerCa, baseImageMirrors };
  const settings = { ...buildkit, kube: kube.client, ...pod };
  return {
    artifacts: steadied(s3ArtifactStore(config.s3), 'artifact-store'),
    registry: steadied(ociImageRegistry({ mirrors: config.registryMirrors }), 'image-registry'),
    builder: steadied(buildkitImageBuilder(settings), 'image-builder'),
    logLinks: storedLogLinks(),
    repository: config.imageRepository,
  };
}

/** Builds everything, runs it until SIGTERM or SIGINT, and ends in order: work, broker, lease, connections. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = pino({ level: config.logLevel });
  const registry = new Registry();
  collectProcessMetrics(registry);
  const kube = connect({ log, metrics: createMetrics(registry) });
  const stopping = new AbortController();
  const certificate = await brokerCertificate({
    kube: kube.client,
    namespace: config.namespace,
    names: [new URL(config.broker.url).hostname],
    now,
    log,
  });
  const brokerCa = (): string => certificate.ca();
  const parts = {
    config,
    kube,
    brokerCa,
    ...(await adapters({ config, kube, brokerCa, metrics: providerMetrics(registry) })),
  };
  const operator = new SbOperator(parts);
  const health = await serveHealth({
    port: config.metricsPort,
    registry,
    ready: { caches: () => operator.ready },
  });
  await operator.start();
  const broker = await startBroker({
    port: config.broker.port,
    certificate,
    tokens: tokenVerifier({ kube: kube.client, now }),
    subjects: subjects(operator.sources),
    store: parts.artifacts,
    rulesOf: operator.rulesOf,
    presignSeconds: PRESIGN_SECONDS,
    log,
    metrics: brokerMetrics(registry),
  });
  const keeping = certificate.keep(stopping.signal);

  const stop = async (signal: string): Promise<void> => {
    log.info({ signal }, 'stopping');
    stopping.abort();
    await Promise.all([operator.stop(), broker.close(), keeping]);
    await health.close();
    await kube.close();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));
}

/** The one place where nobody is left to handle an error: say it in a line and let the kubelet start the process again. */
function die(error: unknown): void {
  process.stderr.write(`sb-operator: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

if (import.meta.main) await main().catch(die);
