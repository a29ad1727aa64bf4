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
 * | image | `environment.image`, `buildRef`, `build` | `environment.docker_image` | a build of `context.zip` |
 * | request and limit of cpu, memory, disk; each pair as a whole | `environment.resources` | `environment.cpus`, `memory_mb`, `storage_mb` | 500m, 512Mi, 8Gi of at most 16Gi |
 * | GPUs, workdir, healthcheck | `environment` | `environment` | none, the image's, none |
 * | a variable of all phases | `environment.env` | `environment.env` | |
 * | a variable of the agent | `agent.env` | `solution.env`, for the oracle | |
 * | a variable of the verifier | `verifier.env` | `verifier.env` | |
 * | timeout of the agent | `agent.timeoutSeconds` | `agent.timeout_sec` | none |
 * | timeout of the verifier | `verifier.timeoutSeconds` | `verifier.timeout_sec` | 600 s |
 * | user of a phase | `agent.user`, `verifier.user` | `agent.user`, `verifier.user` | `environment.user`, then the image's |
 * | artifacts | `artifacts`, unless empty | `artifacts` | none |
 */
import type { Environment, EnvVar } from '../../crds/environment.ts';
import type { Quantity } from '../../crds/schema.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import type { ArtifactCopy, Hook, UncopiedArtifact } from '../../wire/assignment.ts';
import type { Problem } from '../toml/problems.ts';
import type { TaskConfig } from '../toml/schema.ts';

/** A task as the compile needs it, be it read from a folder, from `metadata.json` or from a ConfigMap. */
export interface CompilableTask {
  config: TaskConfig;
  /** At least those that matter: see `filesThatMatter`. */
  files: readonly { path: string }[];
  /** First 12 hex digits of the task's hash, where it is known. */
  version?: string;
  /** `context.zip`: its `s3://` URI and the SHA-256 of its bytes in hex. Missing where there is none. */
  context?: { uri: string; sha256: string };
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
};

export type CompiledAgent = TrialSpec['agent'] & { env: EnvVar[] };
export type CompiledVerifier = TrialSpec['verifier'] & { env: EnvVar[]; timeoutSeconds: number };

/** One agent and one verifier. Variables of the environment are not among theirs: the container has them. */
export interface CompiledStep {
  agent: CompiledAgent;
  verifier: CompiledVerifier;
  /** Run after the agent, before the artifacts are copied. */
  hooks: Hook[];
  artifacts: ArtifactCopy[];
  /** Missing: none. */
  uncopied?: UncopiedArtifact[];
}

/** Why a task cannot be run; the words are the Trial's `message`. */
export interface CompileProblem extends Problem {
  reason: 'TaskInvalid' | 'TaskUnsupported';
  /** The variable that nobody has set, where that is the problem. */
  variable?: string;
}

export interface Compiled {
  /** By role: `agent` is the container that agent and shared verifier work in. */
  environments: { agent: CompiledEnvironment };
  /** In their order; a task without `[[steps]]` has one. */
  steps: [CompiledStep, ...CompiledStep[]];
  /** What the task's files must hash to: of the Trial, else of the task. */
  version?: string;
  /** What is odd about the task without keeping it from running, one sentence each. */
  notes: string[];
  /** Empty where the task can be run; everything else is filled in as far as it goes. */
  problems: CompileProblem[];
}

/** A Trial's spec with the task's words filled in: what its Pod is made of. */
export type CompiledSpec = TrialSpec & { environment: CompiledEnvironment; hooks: Hook[] };
