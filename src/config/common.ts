/** The settings that every profile has. */
import { BROKER, holderOf, METRICS_PORT, OPERATOR } from '../installation/names.ts';
import { egressRuleOf } from '../wire/egress.ts';
import type { EgressRule } from '../wire/egress.ts';
import type { Prices } from '../budget/prices.ts';
import type { ModelPrice } from '../crds/model-prices.ts';
import { present } from '../crds/present.ts';
import type { Gpus } from '../crds/gpus.ts';
import { VERIFIER_MODES, type VerifierMode } from '../crds/verifier.ts';
import { agentSettings, type AgentSettings } from './agents.ts';
import { modelPricesOf } from './model-prices.ts';
import { budgetSettings } from './budget.ts';
import { gpuSettings } from './gpus.ts';
import type { Pattern, Reader } from './reader.ts';

/** Settings of every profile; each comes from the environment variable named beside it. */
export interface CommonConfig {
  /** `POD_NAMESPACE`: namespace of the lease and of the broker's certificate. */
  namespace: string;
  /** `POD_NAME`, and `POD_UID` if it is set: identity in the leader election. A Pod's name may be its predecessor's. */
  identity: string;
  /** `SB_IMAGE_PLATFORM`: of the nodes, and of builds that name none. */
  imagePlatform: string;
  /**
   * `SB_IMAGE_SHARING`: whether an image that was built for one namespace serves the others. That is as safe as the place where builds run: on
   * CodeBuild nobody of a namespace reaches into one; a build of BuildKit is a Pod in the TaskBuild's namespace.
   */
  imageSharing: 'Shared' | 'Namespace';
  /** `SB_IMAGE_REPOSITORIES`: what a TaskBuild's `repository` may name beside the default, as `host/one,host/team/*`. */
  imageRepositories: string[];
  /** `SB_REGISTRY_MIRRORS`: host → base URL, as `host=url,host=url`. */
  registryMirrors: Record<string, string>;
  /** `SB_BASE_IMAGE_MIRRORS`: prefix of an image's name, in a Dockerfile or a Trial → where it is pulled from, as `docker.io/library=mirror/library`. */
  baseImageMirrors: Record<string, string>;
  /** `SB_MAX_CONCURRENT_BUILDS`: builds that may be under way at the same time. */
  maxConcurrentBuilds: number;
  /** `SB_MAX_BUILDS_PER_NAMESPACE`: how many of them one namespace may have; without it a namespace alone has all. */
  maxBuildsPerNamespace: number;
  /** `SB_MAX_BUILD_SECONDS` and `SB_MAX_BUILD_QUEUE_SECONDS`: the longest limits that a TaskBuild may ask for. */
  buildLimits: { timeoutSeconds: number; queueTimeoutSeconds: number };
  /** `SB_REQUIRE_TASK_PREFIXES`: a namespace without the annotation `sb.abundant.ai/task-prefixes` may read no task. */
  requireTaskPrefixes: boolean;
  /** `SB_COURIER_IMAGE`: the operator's own image, by digest: a tag could be pushed anew. */
  courierImage: string;
  /** `SB_IMAGE_PULL_SECRETS`: Secrets of each Trial's namespace that its Pod pulls with, as `one,two`; none where nodes may pull by themselves. */
  imagePullSecrets: string[];
  /** `SB_VERIFIER_MODE`: where verifiers run for which neither the Trial, the task nor the namespace says it. */
  verifierMode: VerifierMode;
  /** `SB_USER_NAMESPACES`: whether nodes can give Pods user namespaces of their own (`hostUsers: false`). */
  userNamespaces: boolean;
  /** `SB_GPU_RESOURCE` and `SB_GPU_TYPES`: what a container asks for, and on which nodes each type of GPU is. */
  gpus: Gpus;
  agents: AgentSettings;
  broker: {
    /** `SB_BROKER_URL`: what couriers reach. */
    url: string;
    /** `SB_BROKER_PORT`. */
    port: number;
    /** `SB_PROBE_PORT`: accepts and says nothing; a Pod that reaches it is not held back by its NetworkPolicy. */
    probePort: number;
  };
  /** `SB_EGRESS_ALLOWED`: what Trials may reach though its address is not public, as `10.0.5.0/24,10.0.5.7/32:443,[fd00:5::/64]:443`. */
  egressAllowed: EgressRule[];
  /** `SB_MODEL_PRICES`: what models cost, before what is built in (src/crds/model-prices.ts); JSON: `[{"model":"my-model*","input":1,"cached":0.1,"output":5}]`. */
  modelPrices: ModelPrice[];
  /** `SB_PRICES`: what Pods cost, for budgets of namespaces, in US dollars an hour by resource; JSON: `{"cpu":0.04,"memory":0.0045,"nvidia.com/gpu":1}`. */
  prices: Prices;
  /** `SB_BUDGET_GRACE_SECONDS`: what runs when a budget is spent has ended by then. */
  budgetGraceSeconds: number;
  /** `SB_WORK_FOLDER`: a folder that outlives the process, not the Pod, to note in what is being worked on; nothing is noted without it. */
  workFolder?: string;
  /** `SB_METRICS_PORT`: /metrics, /healthz, /readyz. */
  metricsPort: number;
  /** `OTEL_EXPORTER_OTLP_ENDPOINT`: where the trace of each Trial that ends is sent to, by OTLP over HTTP; without it there are no traces. */
  traces?: string;
  /** `SB_LOG_LEVEL`. */
  logLevel: string;
}

/** What the profiles have another default for; the first choice is the default. */
export interface Defaults {
  baseImageMirrors: string;
  sharing: ['Namespace', 'Shared'] | ['Shared', 'Namespace'];
  maxConcurrentBuilds: number;
}

const BUILDS: [number, number] = [1, 10_000];
/** CodeBuild’s own limit by default; eight hours. */
const LONGEST_BUILD = 28_800;
const BUILD_SECONDS: [number, number] = [1, 2_592_000];

const PORTS: [number, number] = [0, 65_535];
const IMAGE_PREFIX = '[a-z0-9][a-z0-9.-]*(?::\\d+)?(?:/[a-z0-9._-]+)*';
const SECRET: Pattern = { is: /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, called: 'the name of a Secret' };
const PLATFORM: Pattern = {
  is: /^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9]+)?$/,
  called: 'a platform such as linux/amd64',
};
const PINNED: Pattern = {
  is: /^[^@\s]+@sha256:[0-9a-f]{64}$/,
  called: 'an image by digest (name@sha256:…); a tag may come to mean another image',
};
const REPOSITORIES: Pattern = {
  is: new RegExp(`^${IMAGE_PREFIX}(?:/\\*)?$`),
  called: 'a repository, or host/path/* for all below a path',
};
const MIRROR_URL: Pattern = { is: /^https?:\/\/.+$/, called: 'host=url' };
const IMAGE_MIRROR: Pattern = { is: new RegExp(`^${IMAGE_PREFIX}$`), called: 'from=to with image names' };

const PRICES = {
  fallback: [],
  called:
    'a list of prices in US dollars for a million tokens, as in [{"model":"my-model*","input":1,"cached":0.1,"output":5}]; cached and cacheWrite may be left out',
};

export function commonConfig(read: Reader, defaults: Defaults): CommonConfig {
  const workFolder = read.optional('SB_WORK_FOLDER');
  const traces = read.optionalUrl('OTEL_EXPORTER_OTLP_ENDPOINT', /^https?:$/);
  return {
    ...present({ workFolder, traces }),
    namespace: read.text('POD_NAMESPACE', OPERATOR.namespace),
    identity: holderOf({ name: read.text('POD_NAME'), ...present({ uid: read.optional('POD_UID') }) }),
    imagePlatform: read.text('SB_IMAGE_PLATFORM', 'linux/amd64', PLATFORM),
    imageSharing: read.choice('SB_IMAGE_SHARING', defaults.sharing),
    imageRepositories: read.list('SB_IMAGE_REPOSITORIES', REPOSITORIES),
    registryMirrors: read.pairs('SB_REGISTRY_MIRRORS', MIRROR_URL),
    baseImageMirrors: read.pairs('SB_BASE_IMAGE_MIRRORS', IMAGE_MIRROR, defaults.baseImageMirrors),
    ...builds(read, defaults.maxConcurrentBuilds),
    requireTaskPrefixes: read.choice('SB_REQUIRE_TASK_PREFIXES', ['false', 'true'] as const) === 'true',
    courierImage: read.text('SB_COURIER_IMAGE', undefined, PINNED),
    imagePullSecrets: read.list('SB_IMAGE_PULL_SECRETS', SECRET),
    verifierMode: read.choice('SB_VERIFIER_MODE', VERIFIER_MODES),
    userNamespaces: read.choice('SB_USER_NAMESPACES', ['false', 'true'] as const) === 'true',
    gpus: gpuSettings(read),
    agents: agentSettings(read),
    broker: {
      url: read.url('SB_BROKER_URL', /^https:$/),
      port: read.integer('SB_BROKER_PORT', BROKER.port, PORTS),
      probePort: read.integer('SB_PROBE_PORT', BROKER.probePort, PORTS),
    },
    egressAllowed: read.parsed('SB_EGRESS_ALLOWED', egressRuleOf),
    modelPrices: read.json('SB_MODEL_PRICES', modelPricesOf, PRICES),
    ...budgetSettings(read),
    metricsPort: read.integer('SB_METRICS_PORT', METRICS_PORT, PORTS),
    logLevel: read.choice('SB_LOG_LEVEL', ['info', 'debug', 'warn', 'error'] as const),
  };
}

type BuildSettings = 'maxConcurrentBuilds' | 'maxBuildsPerNamespace' | 'buildLimits';

function builds(read: Reader, defaultAtOnce: number): Pick<CommonConfig, BuildSettings> {
  const maxConcurrentBuilds = read.integer('SB_MAX_CONCURRENT_BUILDS', defaultAtOnce, BUILDS);
  return {
    maxConcurrentBuilds,
    maxBuildsPerNamespace: read.integer('SB_MAX_BUILDS_PER_NAMESPACE', BUILDS[1], BUILDS),
    buildLimits: {
      timeoutSeconds: read.integer('SB_MAX_BUILD_SECONDS', LONGEST_BUILD, BUILD_SECONDS),
      queueTimeoutSeconds: read.integer('SB_MAX_BUILD_QUEUE_SECONDS', LONGEST_BUILD, BUILD_SECONDS),
    },
  };
}
