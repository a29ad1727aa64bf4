/** What a run says otherwise than task.toml. */
import { amountOf } from '../../../crds/refusals.ts';
import { MAX_SECONDS } from '../../../crds/schema.ts';
import type { TrialSpec } from '../../../crds/trial.ts';
import type { Task, TrialManifest } from '../../../tasks/index.ts';
import type { RunOptions } from '../../documents/run-options.ts';

/** The task with the run's resources in place of its own. */
export function withResources(task: Task, { cpus, memory, storage }: RunOptions): Task {
  const environment = {
    ...task.config.environment,
    ...(cpus !== undefined && { cpus: amountOf(cpus) }),
    ...(memory !== undefined && { memory_mb: mebibytesOf(memory) }),
    ...(storage !== undefined && { storage_mb: mebibytesOf(storage) }),
  };
  return { ...task, config: { ...task.config, environment } };
}

const mebibytesOf = (size: string): number => Math.max(1, Math.ceil(amountOf(size) / 2 ** 20));

/** The CRD's default, Harbor's too. */
const SETUP_SECONDS = 360;

type Spec = TrialManifest['spec'];

const times = (seconds: number, factor: number): number =>
  Math.min(MAX_SECONDS, Math.max(1, Math.ceil(seconds * factor)));

/** The part of a spec with its limit stretched; one without a limit stays without. */
const stretched = <Part extends { timeoutSeconds?: number }>(part: Part | undefined, factor: number) =>
  part?.timeoutSeconds === undefined ? part : { ...part, timeoutSeconds: times(part.timeoutSeconds, factor) };

const multipliers = ({ timeoutMultiplier: all = 1, ...own }: RunOptions) => ({
  agent: own.agentTimeoutMultiplier ?? all,
  setup: own.agentSetupTimeoutMultiplier ?? all,
  verifier: own.verifierTimeoutMultiplier ?? all,
  build: own.environmentBuildTimeoutMultiplier ?? all,
});

/** The spec with its timeouts stretched. As in Harbor a phase's own multiplier takes the place of the general one. */
export function withTimeouts(spec: Spec, options: RunOptions): Spec {
  const { agent, verifier, setup, build: ofBuild } = multipliers(options);
  const { setupTimeoutSeconds = SETUP_SECONDS } = spec.agent ?? {};
  const build = stretched(spec.environment?.build, ofBuild);
  return {
    ...spec,
    agent: {
      ...stretched(spec.agent, agent),
      ...(setup !== 1 && { setupTimeoutSeconds: times(setupTimeoutSeconds, setup) }),
    },
    verifier: { ...stretched(spec.verifier, verifier) },
    environment: { ...spec.environment, ...(build && { build }) },
  };
}

type Rest = Pick<TrialSpec, 'uploadResults' | 'maxAttempts' | 'ttlSecondsAfterFinished' | 'scheduling'>;

/** The spec with what agents leave running ended before the tests appear, where the run wants that. */
export const withBackground = (spec: Spec, { stopBackgroundProcesses }: RunOptions): Spec =>
  stopBackgroundProcesses ? { ...spec, agent: { ...spec.agent, backgroundProcesses: 'Stop' } } : spec;

/** Fields that a run may set and a task cannot. */
export function ofRun(options: RunOptions): Partial<Rest> {
  const { uploadResults, maxAttempts, ttlSecondsAfterFinished, scheduling } = options;
  return {
    ...(uploadResults === false && { uploadResults }),
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(ttlSecondsAfterFinished !== undefined && { ttlSecondsAfterFinished }),
    ...(scheduling !== undefined && { scheduling }),
  };
}
