/** What a planned Trial comes to once its task is compiled into it, as the operator does. */
import {
  compile,
  filledIn,
  storedSpec,
  type CompilableTask,
  type Compiled,
  type CompiledSpec,
  type CompileDefaults,
} from '../../../tasks/index.ts';
import { storedContexts } from '../../../tasks/bucket.ts';
import type { SelectedTask } from '../select/select.ts';
import type { RunPlan, TrialManifest } from './types.ts';

/** The task as it will lie under `spec.task.s3.uri`. */
const compilable = (
  { task, ...hashes }: SelectedTask,
  { task: source }: Pick<TrialManifest['spec'], 'task'>,
): CompilableTask => ({
  config: task.config,
  files: task.files,
  ...(task.compose && { compose: task.compose }),
  ...storedContexts(hashes, (name) => `${source?.s3?.uri}${name}`),
});

/** A Trial's spec with everything said, and what keeps the task from being run. */
export function effective(
  selected: SelectedTask,
  spec: TrialManifest['spec'],
  defaults?: CompileDefaults,
): { spec: CompiledSpec; problems: Compiled['problems'] } {
  const stored = storedSpec(spec);
  const compiled = compile(stored, compilable(selected, spec), defaults);
  return { spec: filledIn(stored, compiled), problems: compiled.problems };
}

/** The specs of all Trials of a plan, with everything said. */
export const effectiveSpecs = ({ tasks, defaults }: Pick<RunPlan, 'tasks' | 'defaults'>): CompiledSpec[] =>
  tasks.flatMap((planned) => planned.trials.map(({ spec }) => effective(planned, spec, defaults).spec));
