/**
 * What the broker hands a courier at its start: `GET /v1/assignment`, for Pods of Trials. JSON over HTTPS; the courier's projected token is
 * the bearer. A courier may be older than the broker, so that fields are only added (decision 0051). Failures are `{ "error": string }` with 401 (token), 403 (not this
 * Pod's), 404 (no task), 409 (another task than the Job was made for), 422 (a task that cannot be run), 503 (retry).
 */
import type { McpServer } from '../crds/agent-facts.ts';
import type { EnvVar, Healthcheck } from '../crds/environment.ts';
import type { ImageConfig } from '../crds/image-config.ts';
import { sha256 } from '../crds/names.ts';
import type { ModelPrice } from '../crds/model-prices.ts';
import type { ModelNamed } from '../crds/providers.ts';
import type { BackgroundProcesses, ModelAccess } from '../crds/agent.ts';
import type { RewardStrategy } from '../crds/trial.ts';
import type { NetworkPhase, PhaseNetwork } from './network.ts';

/** A variable for a phase: its value, or the name of the courier's own variable that the kubelet filled from a Secret. */
export type AssignedVariable = { name: string; value: string } | { name: string; courierVariable: string };

/** Variables of the courier's whose values the kubelet filled from Secrets start with this. */
export const SECRET_PREFIX = 'SB_SECRET_';

/** The courier's own variable that holds what a key of a Secret says. */
export const secretVariable = ({ name, key }: NonNullable<EnvVar['secretKeyRef']>): string =>
  SECRET_PREFIX + sha256(`${name}/${key}`).slice(0, 16);

/** What is to be copied to `/logs/artifacts/<into>`. */
export interface ArtifactCopy {
  /** Absolute path in the task container, or in that of the service. */
  source: string;
  /** Missing: main. */
  service?: string;
  into: string;
  /** Patterns of what a folder is copied without, as of `tar --exclude`. */
  exclude?: string[];
}

/** An artifact that needs no copy. */
export interface UncopiedArtifact {
  /** Absolute path in the task container, or in that of the service. */
  source: string;
  /** Missing: main. */
  service?: string;
  /** Where it is, below the Trial's prefix. */
  place: string;
  /** `Kept`: as all of /logs. `Skipped`: another one has its place. */
  why: 'Kept' | 'Skipped';
}

/** A shell command between agent and verifier. */
export interface Hook {
  command: string;
  timeoutSeconds: number;
  /** Missing: that of the environment, or of the service. */
  user?: string;
  /** Missing: main. */
  service?: string;
}

/** The model of an agent, and how it comes to it. */
export interface AssignedEndpoint extends ModelNamed {
  access: ModelAccess;
  /** Where the model answers: of the Trial, else the provider's own. */
  baseUrl: string;
  /** The agent's variable with the key; where the access is Proxy, the courier keeps it to itself. */
  key: string;
  /** Of all steps together; of the access Proxy alone. */
  maxTokens?: number;
  maxCostUsd?: number;
  /** Those of the installation, before the ones that are built in. */
  prices: ModelPrice[];
}

export interface AssignedAgent {
  name: string;
  /** Of its program, where it has one. */
  version?: string;
  model?: string;
  /** Missing: no model, or one of which nothing more is known. */
  endpoint?: AssignedEndpoint;
  /** It may search and fetch from the web by tools of its own. */
  webTools: boolean;
  env: AssignedVariable[];
  /** Missing: no limit. */
  timeoutSeconds?: number;
  setupTimeoutSeconds: number;
  user: string;
  /** What the agent leaves running: kept for the tests, or ended before they appear. */
  backgroundProcesses: BackgroundProcesses;
  install?: string;
  /** Its program is not in its container: it is installed first, by a script that the courier knows. */
  installs?: true;
  run?: string;
  /** Absolute path in the task container. */
  skillsDir?: string;
  mcpServers?: McpServer[];
}

/** The container of a separate verifier. */
export interface AssignedPlace {
  /** Its name. */
  container: string;
  image: ImageConfig;
  workdir: string;
  /** User of all in it that names none. */
  user: string;
  healthcheck?: Healthcheck;
  /** Its image has the tests; otherwise they are put into it. */
  hasTests: boolean;
  /** How long the courier waits for it once the agent is through. The operator, which sees what keeps it, ends the attempt before. */
  startSeconds: number;
}

export interface AssignedVerifier {
  /** Missing: the agent's container. */
  place?: AssignedPlace;
  env: AssignedVariable[];
  timeoutSeconds: number;
  user: string;
}

/** What a service waits for before it begins. */
export interface AssignedDependency {
  /** Its name. */
  service: string;
  condition: 'service_started' | 'service_healthy' | 'service_completed_successfully';
}

/** Whether a service begins again when it has ended. `tries`: at most so often. */
export type AssignedRestart = { when: 'never' } | { when: 'always' } | { when: 'failed'; tries?: number };

/** A service of docker-compose.yaml, main among them. */
export interface AssignedService {
  name: string;
  /** Name of its container; missing: main, in the agent's. */
  container?: string;
  /** What it runs; empty for main where nothing begins by itself. */
  argv: string[];
  workdir: string;
  user: string;
  /** Paths in the task, and where their contents are put before it begins. */
  copies: { from: string; to: string }[];
  /** Seconds may be fractions. */
  healthcheck?: Omit<Healthcheck, 'command'> & { argv: string[] };
  dependsOn: AssignedDependency[];
  restart: AssignedRestart;
}

/** One agent and one verifier. */
export interface AssignedStep {
  /** Missing: the task has no `[[steps]]`, and this is all of it. */
  name?: string;
  /** Beside the assignment's own: before the agent of this step. */
  healthcheck?: Healthcheck;
  agent: AssignedAgent;
  /** Run after the agent, before the artifacts are copied. */
  hooks: Hook[];
  artifacts: ArtifactCopy[];
  /** For the manifest of artifacts alone; missing: none. */
  uncopied?: UncopiedArtifact[];
  /** Missing: disabled. */
  verifier?: AssignedVerifier;
  /** By key of the reward: where one is less, or missing, the following steps do not run. */
  minRewards?: Record<string, number>;
  /** What its phases may reach; who, the broker decides again for every tunnel. */
  networks: Record<NetworkPhase, PhaseNetwork['mode']>;
}

/** What the courier has to know of the Pod's network. */
export interface AssignedNetwork {
  /** The broker is all that can be reached directly: phases and storage need tunnels. */
  restricted: boolean;
  /** Whether the agent may begin where the cluster does not enforce the Pod's policy. */
  enforcement: 'BestEffort' | 'Required';
  /** The broker's port that the policy closes. */
  probePort: number;
  /** Names of the container's variables, where Trial or task set them: none of them is set in their place. */
  variables: string[];
  /** Names of services, which are on the Pod's own loopback; missing: none. */
  local?: string[];
}

/** Where the task's files come from. */
export type AssignedSource =
  /** To download. */
  | { kind: 'archive'; url: string }
  /** The folder `POD_PATHS.task` in flattened keys (`tests__test.sh`); `content`: first 12 hex digits of the `filesHash` that was compiled. */
  | { kind: 'configMap'; content: string };

/** What another Trial's agent left, to be judged again: its files can be had at `POST /v1/source`. */
export interface AssignedRegrade {
  /** The name that its results have. */
  trial: string;
  /** SHA-256 of its `manifest.json`, in hex, which says that of every file. */
  manifestSha256: string;
  /** Steps whose artifacts were collected, the first ones; 1 of a task without steps. */
  collected: number;
  /** A verifier ran in the agent's container, before the files were stored. */
  shared: boolean;
}

/** What the courier is to do; nothing is left for it to decide or to look up in the task. */
export interface Assignment {
  trial: { namespace: string; name: string; uid: string; attempt: number };
  task: {
    name: string;
    /** What its files must hash to, where Trial or store say it. */
    version?: string;
    source: AssignedSource;
  };
  image: ImageConfig;
  workdir: string;
  /** The files of `environment/` are put into the workdir before anything of the image runs. */
  seeds?: true;
  /** User of all that names none. */
  user: string;
  healthcheck?: Healthcheck;
  /** In the order in which they begin; missing: the task has no docker-compose.yaml, and main begins with the image's entrypoint. */
  services?: AssignedService[];
  network: AssignedNetwork;
  /** Then no agent runs, and nothing of the agent's environment is there. */
  regrade?: AssignedRegrade;
  /** In their order. */
  steps: [AssignedStep, ...AssignedStep[]];
  /** What the rewards of several steps come to. */
  rewardStrategy: RewardStrategy;
  /** For the log, one sentence each. */
  notes: string[];
  /** False: keep the files to yourself, report the reward alone. */
  upload: boolean;
}
