/**
 * The compile: task + Trial → what is to be run. Pure, and the one place where a task's words meaning something to a Trial are read:
 *
 * ```
 * task.toml, files that matter ─┐            ┌─ environments ─► image and Pod       (controllers/trial)
 *                               ├─ compile ──┼─ steps ────────► assignment          (broker) ─► courier
 * the Trial's spec ─────────────┘            └─ problems ─────► refusals            (operator, sb: --dry-run, task check)
 * ```
 *
 * The operator compiles twice: before the Job, for what shapes the Pod, and when the courier asks for its assignment. `sb` compiles for what it
 * shows before anything runs. All of them by one table; the first that says something wins, value by value:
 *
 * | value | Trial (`spec`) | task.toml | else |
 * |---|---|---|---|
 * | image | `environment.image`, `buildRef`, `build` | `build` of main in the compose file, then its `image`, then `environment.docker_image` | a build of `context.zip` |
 * | request and limit of cpu, memory, disk; each pair as a whole | `environment.resources` | of main in the compose file, then `environment.cpus`, `memory_mb`, `storage_mb` | 500m, 512Mi, 8Gi of at most 16Gi |
 * | GPUs, their types, workdir, healthcheck | `environment` | `environment`; workdir then of main in the compose file, healthcheck beside its own | none, any, the image's, none |
 * | a variable of all phases | `environment.env` | `environment.env`, then of main in the compose file | |
 * | a service beside main | | the compose file alone, with variables of `environment.env` | its image's |
 * | a variable of the agent | `agent.env` | `solution.env`, for the oracle | |
 * | model of the agent, where it answers, its limits | `agent.model`, `baseUrl`, `maxTokens`, `maxCostUsd` | | none; the provider's; none |
 * | way to the model | `agent.modelAccess` | | Proxy; for custom agents none that is known |
 * | skills, MCP servers; not for oracle and nop | | `environment.skills_dir`, `mcp_servers` | none |
 * | a variable of an MCP server's header | `agent.env`, `environment.env` | `environment.env`, else its default in the header | |
 * | a variable of the verifier | `steps[].verifier.env`, `verifier.env` | `steps[].verifier.env`, `verifier.env` | |
 * | container of the verifier | `verifier.mode` | `steps[].verifier`, `verifier`: `environment_mode`; separate with an `environment` | annotation of the namespace, setting of the installation, then the agent's |
 * | image of a separate verifier | `verifier.image`, `verifier.build` | of `steps[].verifier.environment`, `verifier.environment`: `docker_image`, else a build of `tests/` | the agent's, and the tests put into it |
 * | all else of its container | | `steps[].verifier.environment`, `verifier.environment`, each as a whole | as the agent's |
 * | timeout of the agent | `steps[].agent.timeoutSeconds`, `agent.timeoutSeconds` | `steps[].agent.timeout_sec`, `agent.timeout_sec` | none |
 * | timeout of the verifier | `steps[].verifier.timeoutSeconds`, `verifier.timeoutSeconds` | `steps[].verifier.timeout_sec`; without steps `verifier.timeout_sec` | 600 s |
 * | user of a phase | `steps[].agent.user`, `agent.user`; likewise of `verifier` | `steps[].agent.user`, `agent.user`; likewise of `verifier` | `environment.user`, then of main in the compose file, then the image's |
 * | network of a phase | `environment.network.mode`, of all phases | `steps[].agent`, `agent`, then `environment`; `steps[].verifier`, `verifier`, then the `environment` of its container: `network_mode` | Public; of the agent and its own way to the model also the model's host |
 * | artifacts of a step | `artifacts`, unless empty | `artifacts`, and `steps[].artifacts` | none |
 * | hooks of a step | | `verifier.collect`, and `steps[].verifier.collect` | none |
 * | healthcheck of a step | | `steps[].healthcheck` | none |
 * | least rewards of a step | `steps[].minReward` or `minRewards` | `steps[].min_reward` | none |
 * | reward of several steps | `rewardStrategy` | `multi_step_reward_strategy` | the mean |
 *
 * Of a regrade (`spec.regrade`) the agent does nothing, whoever it was: nothing of its own is asked for, and nothing of the solution. All its
 * verifiers have to be separate ones.
 *
 * Where a cell has two, the step's own comes first: but what the Trial says of all steps goes before what the task says of one, as in Harbor.
 */
import type { McpServer } from '../../crds/agents.ts';
import type { Environment, EnvVar, Healthcheck } from '../../crds/environment.ts';
import type { NamespaceRules } from '../../crds/namespace-rules.ts';
import type { ModelPrice } from '../../crds/model-prices.ts';
import type { Quantity } from '../../crds/schema.ts';
import type { ByRole, ServiceRole, VerifierRole } from '../../crds/trial-status.ts';
import type { RewardStrategy, TrialSpec } from '../../crds/trial.ts';
import type { VerifierMode } from '../../crds/verifier.ts';
import type { ArtifactCopy, AssignedEndpoint, Hook, UncopiedArtifact } from '../../wire/assignment.ts';
import type { NetworkPhase, PhaseNetwork } from '../../wire/network.ts';
import type { ComposeSource } from '../compose/document.ts';
import type { ComposeMount, ComposeService } from '../compose/types.ts';
import type { Problem } from '../toml/problems.ts';
import type { TaskConfig } from '../toml/schema.ts';

/** A build context: its `s3://` URI, and the SHA-256 of its bytes in hex. */
export interface StoredContext {
  uri: string;
  sha256: string;
}

/** A task as the compile needs it, be it read from a folder, from `metadata.json` or from a ConfigMap. */
export interface CompilableTask {
  config: TaskConfig;
  /** At least those that matter: see `filesThatMatter`. */
  files: readonly { path: string }[];
  /** First 12 hex digits of the task's hash, where it is known. */
  version?: string;
  /** Of its environment. Missing where there is none. */
  context?: StoredContext;
  /** Of each other folder that an image is built of, with its closing slash: tests with a Dockerfile, and those that the compose file names. */
  testContexts?: Record<string, StoredContext>;
  /** Its docker-compose.yaml. */
  compose?: ComposeSource;
}

/** What holds where neither Trial nor task say anything; the namespace goes before the installation. */
export interface CompileDefaults {
  namespace?: Pick<NamespaceRules, 'verifierMode'>;
  installation?: {
    verifierMode?: VerifierMode;
    /** Of models, before what is built in. Missing: not known here. */
    modelPrices?: readonly ModelPrice[];
  };
}

/** Amounts by resource, as a container has them. */
export interface CompleteResources {
  requests: { cpu: Quantity; memory: Quantity; 'ephemeral-storage': Quantity };
  limits: { cpu?: Quantity; memory?: Quantity; 'ephemeral-storage': Quantity };
}

/** Where a phase runs. Exactly one of `image`, `buildRef` and `build` is there, unless a problem says why not. */
export type CompiledEnvironment = Omit<Environment, 'resources' | 'env'> & {
  resources: CompleteResources;
  env: EnvVar[];
  /** Of a separate verifier: its image has the tests. */
  hasTests?: true;
  /** Of docker-compose.yaml. */
  mounts?: EnvironmentMount[];
};

/** A volume is one folder for all that name it. */
export type EnvironmentMount = Exclude<ComposeMount, { kind: 'copy' }>;

/** A service of docker-compose.yaml, main among them. What its container is made of is in `environments`. */
export interface CompiledService extends Pick<
  ComposeService,
  'name' | 'names' | 'entrypoint' | 'command' | 'healthcheck' | 'dependsOn' | 'restart'
> {
  /** Missing: of main, which is the agent's. */
  role?: ServiceRole;
  /** Files and folders of the task that it finds in its container. */
  copies: { from: string; to: string }[];
}

/** `skillsDir` is a path in the container, absolute or relative to the workdir. Both are missing for an agent that ignores them. */
export type CompiledAgent = TrialSpec['agent'] & {
  env: EnvVar[];
  skillsDir?: string;
  mcpServers?: McpServer[];
  /** Missing: no model, or one of which nothing more is known. */
  endpoint?: CompiledEndpoint;
};

/** Prices are the installation's. */
export type CompiledEndpoint = Omit<AssignedEndpoint, 'prices'>;

export type CompiledVerifier = TrialSpec['verifier'] & {
  env: EnvVar[];
  timeoutSeconds: number;
  /** Of a separate verifier: its environment among `environments`. Missing: it runs in the agent's container. */
  role?: VerifierRole;
};

/** One agent and one verifier. Variables of the environment are not among theirs: the container has them. */
export interface CompiledStep {
  /** Missing: the task has no `[[steps]]`, and this is all of it. */
  name?: string;
  /** Beside the environment's: before the agent of this step. */
  healthcheck?: Healthcheck;
  agent: CompiledAgent;
  verifier: CompiledVerifier;
  /** Run after the agent, before the artifacts are copied. */
  hooks: Hook[];
  artifacts: ArtifactCopy[];
  /** Missing: none. */
  uncopied?: UncopiedArtifact[];
  /** By key of the reward: where one is less, or missing, the following steps do not run. */
  minRewards?: Record<string, number>;
  /** What its phases may reach. */
  networks: Record<NetworkPhase, PhaseNetwork>;
}

/** Why a task cannot be run; the words are the Trial's `message`. */
export interface CompileProblem extends Problem {
  reason: 'TaskInvalid' | 'TaskUnsupported';
  /** The variable that nobody has set, where that is the problem. */
  variable?: string;
}

export interface Compiled {
  /** By role: `agent` is the container that agent and shared verifiers work in; each separate verifier has one of its own. */
  environments: ByRole<CompiledEnvironment>;
  /** Of docker-compose.yaml, in the order in which they start, main among them; empty for a task without it. */
  services: CompiledService[];
  /** The files of `environment/` are put into the agent's working directory. */
  seeds?: true;
  /** In their order; a task without `[[steps]]` has one. */
  steps: [CompiledStep, ...CompiledStep[]];
  /** What the rewards of several steps come to. */
  rewardStrategy: RewardStrategy;
  /** What the task's files must hash to: of the Trial, else of the task. */
  version?: string;
  /** What is odd about the task without keeping it from running, one sentence each. */
  notes: string[];
  /** Empty where the task can be run; everything else is filled in as far as it goes. */
  problems: CompileProblem[];
}

/** A Trial's spec with the task's words filled in: what its Pod is made of. `agent` and `verifier` are those of the first step. */
export type CompiledSpec = TrialSpec & {
  environment: CompiledEnvironment;
  /** `environment`, and those of separate verifiers. */
  environments: ByRole<CompiledEnvironment>;
  agent: CompiledAgent;
  verifier: CompiledVerifier;
  /** What is done in it. */
  work: Compiled['steps'];
  services: CompiledService[];
};
