/** Why a task cannot be run by a Trial. */
import { agentFacts } from '../../crds/agents.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import { SOLVE, stepFiles } from '../step-files.ts';
import { hasFile } from '../task.ts';
import { unsupportedFields } from '../unsupported.ts';
import type { Table } from './of-task.ts';
import type { CompilableTask, CompiledStep, CompileProblem } from './types.ts';

export const invalid = (field: string, message: string): CompileProblem => ({
  reason: 'TaskInvalid',
  field,
  message,
});

/** What the task asks for and this version does not run. */
export const unsupportedProblems = (task: CompilableTask): CompileProblem[] =>
  unsupportedFields(task.config).map(({ field, reason }) => ({
    reason: 'TaskUnsupported',
    field,
    message: `${field}: ${reason}`,
  }));

/** Files that agent and verifier need and the task has not; of the step `name`, where the task has steps. */
export function missingFiles(
  { agent }: TrialSpec,
  task: CompilableTask,
  { name, needsTest }: { name: string | undefined; needsTest: boolean },
): CompileProblem[] {
  const has = (path: string): boolean => hasFile(task, path);
  const { instruction, solution, test } = stepFiles(name, has);
  const paths = { 'instruction.md': instruction, 'solution/solve.sh': `${solution}/${SOLVE}` };
  const { reads = 'nothing' } = agentFacts(agent.name) ?? {};
  const needs: [path: string, who: string][] = [
    ...(reads === 'nothing' ? [] : [[paths[reads], `the agent ${agent.name}`] as [string, string]]),
    ...(needsTest ? [[test, 'the verifier'] as [string, string]] : []),
  ];
  return needs
    .filter(([path]) => !has(path))
    .map(([path, who]) => invalid(path, `${path} is missing; ${who} needs it`));
}

export const noImage = (): CompileProblem =>
  invalid(
    'environment',
    'neither spec.environment nor the task says which image to run: give spec.environment.image, buildRef or build, or docker_image under [environment] in task.toml',
  );

export const noVerifierImage = (): CompileProblem =>
  invalid(
    'verifier',
    'the verifier’s image is built from the Dockerfile of the tests, which was not stored with the task: store the task again with sb task push or sb cloud run, or give spec.verifier.image or build',
  );

/** The task is fine: nobody can say where its verifier is to run. */
export const badDefault = (message: string): CompileProblem => ({
  reason: 'TaskUnsupported',
  field: 'verifier.environment_mode',
  message,
});

export const testsComposed = (): CompileProblem => ({
  reason: 'TaskUnsupported',
  field: 'verifier',
  message:
    'a separate verifier with a docker-compose.yaml of its own is not supported: give its container a Dockerfile or docker_image',
});

export const servicesApart = (): CompileProblem => ({
  reason: 'TaskUnsupported',
  field: 'verifier',
  message:
    'a separate verifier in the image of environment/ would have all services of docker-compose.yaml once more, which is not supported: give its container a Dockerfile under tests/ or docker_image, or let it share the agent’s',
});

export const badArtifact = (message: string): CompileProblem => invalid('artifacts', message);

/** Nothing is left of the container that a shared verifier judges in. */
export const notSeparate = ({ name, verifier }: Pick<CompiledStep, 'name' | 'verifier'>): CompileProblem[] =>
  verifier.role
    ? []
    : [
        {
          reason: 'TaskUnsupported',
          field: 'verifier.environment_mode',
          message: `only a separate verifier can judge again, and that of ${name === undefined ? 'the task' : `step ${name}`} is shared: where it judges by the artifacts alone, set environment_mode = "separate" under [verifier] in task.toml, or spec.verifier.mode: Separate`,
        },
      ];

/** As many bytes as admission allows a Trial of its own (src/generate/admission): they become part of Job and Pod, of which the operator keeps every one in memory. */
const VARIABLES_MAX_BYTES = 128 * 1024;

/** Variables of the task that are too large together. */
export function tooManyVariables(tables: readonly Pick<Table, 'env'>[]): CompileProblem[] {
  const variables = tables.flatMap(({ env }) => env);
  const bytes = variables.reduce(
    (sum, { name, value = '' }) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
  if (bytes <= VARIABLES_MAX_BYTES) return [];
  return [
    invalid(
      'environment.env',
      `the variables of task.toml have ${bytes} bytes; expected at most ${VARIABLES_MAX_BYTES}: put what is large into files of the task`,
    ),
  ];
}

/** Variables of a table that are open and that the Trial does not set; `fieldOf` says where in task.toml a variable is. */
export const openVariables = (
  fieldOf: (key: string) => string,
  { open }: Table,
  own: readonly { name: string }[] = [],
): CompileProblem[] =>
  open
    .filter(({ key }) => !own.some(({ name }) => name === key))
    .map(({ key, variable }) => ({
      ...invalid(
        `${fieldOf(key)}.${key}`,
        `${fieldOf(key)}.${key} needs the variable ${variable}: set ${key} in the Trial, or give a default as in \${${variable}:-value}`,
      ),
      variable,
    }));

/** What is wrong with all steps is said of the first. */
export const onceEach = <T extends { message: string }>(problems: readonly T[]): T[] =>
  problems.filter(({ message }, at) => problems.findIndex((one) => one.message === message) === at);
