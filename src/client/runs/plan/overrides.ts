/** What a run says otherwise than task.toml. */
import { MAX_SECONDS } from '../../../crds/schema.ts';
import type { TrialSpec } from '../../../crds/trial.ts';
import type { CompiledSpec, CompiledStep } from '../../../tasks/index.ts';
import type { TrialManifest } from './types.ts';
import type { RunOptions } from '../../documents/run-options.ts';
import { present } from '../../../crds/present.ts';

type Spec = TrialManifest['spec'];

const times = (seconds: number, factor: number): number =>
  Math.min(MAX_SECONDS, Math.max(1, Math.ceil(seconds * factor)));

const multipliers = ({ timeoutMultiplier: all = 1, ...own }: RunOptions) => ({
  agent: own.agentTimeoutMultiplier ?? all,
  setup: own.agentSetupTimeoutMultiplier ?? all,
  verifier: own.verifierTimeoutMultiplier ?? all,
  build: own.environmentBuildTimeoutMultiplier ?? all,
});

/**
 * The spec with those timeouts stretched that have a multiplier; `whole` is what it comes to with its task. As in Harbor a phase's own
 * multiplier takes the place of the general one; what has no limit stays without.
 */
export function withTimeouts(spec: Spec, whole: CompiledSpec, options: RunOptions): Spec {
  const factors = multipliers(options);
  const { agent, work } = whole;
  const { build } = whole.environment;
  const ofSetup = stretched(agent.setupTimeoutSeconds, factors.setup);
  const ofBuild = stretched(build?.timeoutSeconds, factors.build);
  const own = work[0].name === undefined ? withPhases(spec, work[0], factors) : spec;
  const steps = work.flatMap((step) => ofStep(spec, step, factors));
  return {
    ...own,
    agent: { ...own.agent, ...present({ setupTimeoutSeconds: ofSetup }) },
    ...(steps.length > 0 && { steps }),
    ...(ofBuild !== undefined && {
      environment: { ...spec.environment, build: { ...build, timeoutSeconds: ofBuild } },
    }),
  };
}

type Factors = ReturnType<typeof multipliers>;
/** What has phases: a Trial's spec, or what it says of a step. */
type Phases = Pick<Spec, 'agent' | 'verifier'>;

function withPhases<T extends Phases>(said: T, { agent, verifier }: CompiledStep, factors: Factors): T {
  const ofAgent = stretched(agent.timeoutSeconds, factors.agent);
  const ofVerifier = stretched(verifier.timeoutSeconds, factors.verifier);
  return {
    ...said,
    ...(ofAgent !== undefined && { agent: { ...said.agent, timeoutSeconds: ofAgent } }),
    ...(ofVerifier !== undefined && { verifier: { ...said.verifier, timeoutSeconds: ofVerifier } }),
  };
}

type StepSpec = NonNullable<Spec['steps']>[number];

/** What the Trial says of a step, with its timeouts; nothing where there is nothing to say. */
function ofStep({ steps = [] }: Spec, step: CompiledStep, factors: Factors): StepSpec[] {
  const { name } = step;
  if (name === undefined) return [];
  const said = withPhases<StepSpec>(steps.find((one) => one.name === name) ?? { name }, step, factors);
  return Object.keys(said).length > 1 ? [said] : [];
}

/** The limit by the factor; undefined where there is nothing to write. */
const stretched = (seconds: number | undefined, factor: number): number | undefined =>
  seconds === undefined || factor === 1 ? undefined : times(seconds, factor);

type Rest = Pick<TrialSpec, 'uploadResults' | 'maxAttempts' | 'ttlSecondsAfterFinished' | 'scheduling'>;

/** The spec with what agents leave running ended before the tests appear, where the run wants that. */
export const withBackground = (spec: Spec, { stopBackgroundProcesses }: RunOptions): Spec =>
  stopBackgroundProcesses ? { ...spec, agent: { ...spec.agent, backgroundProcesses: 'Stop' } } : spec;

/** The spec with its verifier in a container of its own, where the run wants that. */
export const withSeparateVerifier = (spec: Spec, { separateVerifier }: RunOptions): Spec =>
  separateVerifier ? { ...spec, verifier: { ...spec.verifier, mode: 'Separate' } } : spec;

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
