/** The controllers of the operator and what wakes them. */
import type { Config } from './config.ts';
import { abandonedBuildsControl } from './controllers/abandoned-builds/controller.ts';
import { expiryController, mayExpire } from './controllers/expiry/controller.ts';
import { billControl, Bills } from './controllers/budget/bill.ts';
import { budgetControl, Standings } from './controllers/budget/controller.ts';
import { Ledger } from './controllers/budget/record.ts';
import { businessMetrics } from './controllers/metrics/metrics.ts';
import { networkControl, Standing } from './controllers/network/controller.ts';
import { surroundingsReader } from './controllers/network/observe.ts';
import { concerns, orphansController } from './controllers/orphans/controller.ts';
import { runsControl } from './controllers/runs/controller.ts';
import { Known } from './controllers/runs/known.ts';
import { sandboxController } from './controllers/sandbox/controller.ts';
import { poolController } from './controllers/sandbox/keep-pool.ts';
import type { SandboxDeps } from './controllers/sandbox/start.ts';
import { Takings } from './controllers/sandbox/takings.ts';
import type { Traces } from './controllers/traces/export.ts';
import { taskBuildControl } from './controllers/task-build/controller.ts';
import { InTerm } from './controllers/trial/in-term.ts';
import { AppliedOutcomes } from './controllers/trial/record.ts';
import { trialController, type TrialDeps } from './controllers/trial/controller.ts';
import { keysOfOpen } from './controllers/trial/ended.ts';
import type { PodSettings } from './controllers/trial/manifests.ts';
import { Programs } from './controllers/trial/program.ts';
import { ANNOTATION } from './crds/names.ts';
import { costLabels } from './crds/namespace-rules.ts';
import type { Trial } from './crds/trial.ts';
import { Lookups } from './images/lookups.ts';
import { WatchingOperator } from './controllers/watched.ts';
import { OPERATOR, OPERATOR_LABELS } from './installation/names.ts';
import type { Kube } from './kube/connect.ts';
import { keyOf } from './kube/cache/cache.ts';
import type { Job } from './kube/kinds.ts';
import { inWorkOf } from './kube/work/in-work.ts';
import type { Adapters } from './providers/profiles/profile.ts';
import { TaskReader } from './task-source/read.ts';

export interface Parts extends Adapters {
  config: Config;
  kube: Kube;
  brokerCa: () => string;
  /** Certificates in PEM that builds of agents' programs trust besides. */
  authorities: string | undefined;
  /** Takes each Trial that has ended, where there is a collector of traces. */
  traces?: Pick<Traces, 'send'> | undefined;
  /** IP addresses of a host. */
  addressesOf: (host: string) => Promise<string[]>;
}

/** Sandboxes reconciled at the same time. */
const SANDBOX_WORKERS = 32;
/** Pools filled at the same time: however many there are, Sandboxes have the API server's time before them. */
const POOL_WORKERS = 4;
/** Trials reconciled at the same time; each waits for the API server or the store most of the while. */
const TRIAL_WORKERS = 32;

export class SbOperator extends WatchingOperator {
  readonly #parts: Parts;
  /** One for controllers and broker: what the one has read the other need not. */
  readonly tasks: TaskReader;
  readonly #surroundings: ReturnType<typeof surroundingsReader>;
  #apiServers: readonly string[] | undefined;

  constructor(parts: Parts) {
    const { kube, config } = parts;
    super({
      kube,
      component: OPERATOR.name,
      identity: config.identity,
      lease: { namespace: config.namespace, name: OPERATOR.name, annotation: ANNOTATION.handedOver },
      inWork: config.workFolder === undefined ? undefined : inWorkOf(config.workFolder, kube.log),
      requireTaskPrefixes: config.requireTaskPrefixes,
    });
    this.#parts = parts;
    this.tasks = new TaskReader({ kube: this.client, artifacts: parts.artifacts, rulesOf: this.rulesOf });
    this.#surroundings = surroundingsReader({
      ...parts,
      kube: this.client,
      broker: { namespace: config.namespace, labels: { ...OPERATOR_LABELS }, port: config.broker.port },
      allowed: config.egressAllowed,
      monotonic: () => kube.clock.monotonic(),
    });
  }

  /** Addresses of the API server, as they were last known. Rejects where they never were. */
  async apiServers(): Promise<readonly string[]> {
    try {
      const { apiServers } = await this.#surroundings();
      return (this.#apiServers = apiServers);
    } catch (error) {
      if (this.#apiServers) return this.#apiServers;
      throw error;
    }
  }

  protected override async init(): Promise<void> {
    const { config, artifacts, registry, logLinks, brokerCa, kube } = this.#parts;
    const { trials, tasks } = this;
    const lookups = new Lookups(kube.clock);
    const platform = config.imagePlatform;
    const settings = (namespace: string) => this.#podSettings(brokerCa(), namespace);
    this.#measure();
    const sources = { ...this.sources, events: this.events, registry, artifacts };
    const standing = this.#keepPolicies();
    const budgets = this.#keepBudgets();
    const brokerAddress = () => this.#brokerAddress();
    const inTerm = new InTerm(sources);
    const runs = new Known();
    this.control({
      name: 'trial',
      store: trials,
      keys: keysOfOpen,
      also: [
        inTerm.feed(),
        this.trialsOfJobs(),
        this.trialsOfPods(),
        this.trialsOfBuilds(),
        this.trialsOfPolicies(),
        budgets.feed(trials),
      ],
      reconcile: trialController({
        ...sources,
        policiesOf: (namespace) => standing.of(namespace),
        budgets,
        inTerm,
        ending: (trial, write) => runs.ending(trial, write),
        brokerAddress,
        tasks,
        gpus: config.gpus,
        verifierMode: config.verifierMode,
        modelPrices: config.modelPrices,
        applied: new AppliedOutcomes({ artifacts, log: this.log }),
        programs: new Programs({ ...config.agents, authorities: this.#parts.authorities }),
        lookups,
        logLinks,
        platform,
        settings,
      }),
      concurrency: TRIAL_WORKERS,
    });
    this.#controlSandboxes({
      ...sources,
      policiesOf: (namespace) => standing.of(namespace, 'Sandbox'),
      budgets,
      brokerAddress,
      takings: new Takings(),
      jobs: this.sandboxJobs,
      pods: this.sandboxPods,
      lookups,
      platform,
      settings,
    });
    this.#controlBuilds(sources);
    this.#controlEnds(sources, runs);
  }

  #measure(): void {
    const { kube, traces } = this.#parts;
    businessMetrics({
      ...this.sources,
      metrics: kube.metrics.registry,
      leading: () => this.leading,
      onEnd: traces && ((trial) => traces.send(trial)),
    });
  }

  #controlSandboxes(deps: SandboxDeps & { budgets: Standings }): void {
    const both = {
      store: this.sandboxes,
      owns: [this.sandboxJobs],
      also: [
        this.sandboxesOfPods(),
        this.sandboxesOfBuilds(),
        this.sandboxesOfPolicies(),
        deps.budgets.feed(this.sandboxes),
      ],
    };
    const sandbox = { name: 'sandbox', reconcile: sandboxController(deps), concurrency: SANDBOX_WORKERS };
    this.control({ ...both, ...sandbox });
    this.control({ ...both, name: 'pool', reconcile: poolController(deps), concurrency: POOL_WORKERS });
  }

  #controlBuilds(
    sources: SbOperator['sources'] & Pick<TrialDeps, 'events' | 'registry' | 'artifacts'>,
  ): void {
    const { config, builder, repository, kube } = this.#parts;
    this.control(
      taskBuildControl({
        ...sources,
        builder,
        clock: kube.clock,
        limits: config.buildLimits,
        maxConcurrent: config.maxConcurrentBuilds,
        maxPerNamespace: config.maxBuildsPerNamespace,
        rules: {
          repository,
          repositories: config.imageRepositories,
          ownImage: config.courierImage,
          platform: config.imagePlatform,
          sharing: config.imageSharing,
        },
      }),
    );
    this.control(abandonedBuildsControl({ ...sources, builder }));
  }

  /** What is done about Trials that have ended. */
  #controlEnds(sources: SbOperator['sources'] & Pick<TrialDeps, 'events' | 'artifacts'>, known: Known): void {
    const { trials, jobs } = this;
    this.control(runsControl({ ...sources, known, clock: this.#parts.kube.clock }));
    const expiry = expiryController({ ...sources, isRecorded: (uid) => known.isRecorded(uid) });
    const keys = (trial: Trial) => (mayExpire(trial) ? [keyOf(trial)] : []);
    this.control({ name: 'expiry', store: trials, keys, reconcile: expiry });
    const leftBehind = (job: Job): boolean => concerns(sources, job);
    this.control({
      name: 'orphans',
      store: jobs,
      keys: (job) => (leftBehind(job) ? [keyOf(job)] : []),
      // Its Trial leaves it behind: no change of its own does.
      matters: () => false,
      also: [this.jobsOfTrials(leftBehind)],
      reconcile: orphansController(sources),
    });
  }

  #podSettings(brokerCa: string, namespace: string): PodSettings {
    const { courierImage, imagePullSecrets, userNamespaces, gpus, agents, broker } = this.#parts.config;
    const own = { courierImage, imagePullSecrets, userNamespaces, gpus, agentVolumes: agents.volumes };
    const { metadata } = this.namespaces.get({ namespace: '', name: namespace }) ?? {};
    return { ...own, brokerUrl: broker.url, brokerCa, costLabels: costLabels(metadata) };
  }

  async #brokerAddress(): Promise<string | undefined> {
    const { config, addressesOf } = this.#parts;
    const [address] = await addressesOf(new URL(config.broker.url).hostname);
    return address;
  }

  /** Gives what knows how the budgets of namespaces stand. */
  #keepBudgets(): Standings {
    const { sources, events } = this;
    const { costs, config } = this.#parts;
    const { namespace, prices, budgetGraceSeconds } = config;
    const ledger = new Ledger({ kube: sources.kube, namespace, prices, now: sources.now });
    const standings = new Standings(sources.namespaces, ledger);
    const bills = costs && new Bills();
    const own = { ledger, standings, bills, graceMs: budgetGraceSeconds * 1000, events };
    this.control(budgetControl({ ...sources, ...own }));
    if (costs && bills)
      this.control(billControl({ ...sources, ledger, bills, costs, events, log: this.log }));
    return standings;
  }

  /** Gives what knows how the policies of a namespace stand. */
  #keepPolicies() {
    const standing = new Standing(this.policies);
    this.control(networkControl({ ...this.sources, standing, surroundings: this.#surroundings }));
    return standing;
  }
}
