/** Pure: what is done for the tasks of a plan, where that is more than an agent and tests in one container that has the internet. */
import { isDeepStrictEqual } from 'node:util';
import { present } from '../../../crds/present.ts';
import { VERIFIER_MODES } from '../../../crds/verifier.ts';
import { contextArchives } from '../../../tasks/bucket.ts';
import { CONTEXT } from '../../../tasks/task.ts';
import type {
  CompiledEnvironment,
  CompiledSpec,
  CompiledStep,
  CompileDefaults,
} from '../../../tasks/index.ts';
import { NETWORK_PHASES } from '../../../wire/network.ts';
import type { GpusOutline, StepOutline, TaskOutline } from '../../documents/plan.ts';
import { effective } from './effective.ts';
import type { PlannedTask, RunPlan, TrialManifest } from './types.ts';

/** In the order of the plan; of a task that agents do in different ways, one for each way. */
export const outlines = ({ tasks, defaults }: Pick<RunPlan, 'tasks' | 'defaults'>): TaskOutline[] =>
  tasks.flatMap((planned) => outlinesOf(planned, defaults).filter(isWorthTelling));

const isWorthTelling = ({ gpus, services, steps }: TaskOutline): boolean =>
  gpus !== undefined ||
  services !== undefined ||
  steps.some(
    ({ name, verifier, networks }) => name !== null || networks !== undefined || verifier.mode === 'Separate',
  );

function outlinesOf(planned: PlannedTask, defaults: CompileDefaults | undefined): TaskOutline[] {
  const found: TaskOutline[] = [];
  for (const [agent, spec] of ofAgents(planned)) {
    const outline = told(planned, spec, defaults);
    const same = found.find(({ task: _task, agents: _agents, ...one }) => isDeepStrictEqual(one, outline));
    if (same) same.agents.push(agent);
    else found.push({ task: planned.task.name, agents: [agent], ...outline });
  }
  return found;
}

/** All Trials of an agent are the same but for their names and models. */
const ofAgents = ({ trials }: PlannedTask): Map<string, TrialManifest['spec']> =>
  new Map(trials.map(({ spec }) => [spec.agent?.name ?? '', spec]));

function told(
  planned: PlannedTask,
  spec: TrialManifest['spec'],
  defaults: CompileDefaults | undefined,
): Omit<TaskOutline, 'task' | 'agents'> {
  // What is the same whatever the defaults are does not depend on them.
  const asked = defaults
    ? [defaults]
    : VERIFIER_MODES.map((verifierMode) => ({ installation: { verifierMode } }));
  const [first, ...others] = asked.map((one) => effective(planned, spec, one).spec);
  if (!first) throw new Error('nothing was compiled');
  return {
    ...present({ gpus: gpusOf(first.environment), services: servicesOf(first) }),
    steps: first.work.map((step, index) => {
      const outline = stepOf(planned, first, step);
      const isSame = others.every(({ work }) => work[index]?.verifier.mode === step.verifier.mode);
      return isSame ? outline : { ...outline, verifier: { ...outline.verifier, mode: null } };
    }),
  };
}

function servicesOf({ services }: CompiledSpec): string[] | undefined {
  const beside = services.flatMap(({ name, role }) => (role ? [name] : []));
  return beside.length === 0 ? undefined : beside;
}

const gpusOf = ({ gpus = 0, gpuTypes = [] }: CompiledEnvironment): GpusOutline | undefined =>
  gpus === 0 ? undefined : { count: gpus, types: gpuTypes };

function stepOf(planned: PlannedTask, { environments }: CompiledSpec, step: CompiledStep): StepOutline {
  const { name = null, agent, verifier } = step;
  const { mode = 'Shared', role, timeoutSeconds } = verifier;
  const container = role && environments[role];
  return {
    name,
    agent: { timeout_seconds: agent.timeoutSeconds ?? null },
    verifier: {
      timeout_seconds: timeoutSeconds,
      mode,
      ...(container && { container: containerOf(planned, container) }),
    },
    ...present({ networks: networksOf(step) }),
  };
}

function containerOf(
  planned: PlannedTask,
  environment: CompiledEnvironment,
): NonNullable<StepOutline['verifier']['container']> {
  const { image, build, hasTests = false } = environment;
  const file = build?.context.s3?.uri.split('/').at(-1);
  const folder = contextArchives(planned).find(({ name }) => name === file)?.folder;
  return {
    ...(image === undefined ? { built_from: folder ?? CONTEXT } : { image }),
    has_tests: hasTests,
    ...present({ gpus: gpusOf(environment) }),
  };
}

function networksOf({ networks }: CompiledStep): StepOutline['networks'] {
  const less = NETWORK_PHASES.flatMap((phase) => {
    const { mode, hosts } = networks[phase];
    return mode === 'Public' ? [] : [[phase, { mode, hosts }] as const];
  });
  return less.length > 0 ? Object.fromEntries(less) : undefined;
}
