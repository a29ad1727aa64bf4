/** Why a task cannot be run by a Trial. */
import { agentFacts } from '../../crds/agents.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import { hasFile } from '../task.ts';
import { unsupportedParts } from '../unsupported.ts';
import type { Table } from './of-task.ts';
import type { CompilableTask, CompileProblem } from './types.ts';

const invalid = (field: string, message: string): CompileProblem => ({
  reason: 'TaskInvalid',
  field,
  message,
});

/** What the task asks for and this version does not run. */
export const unsupportedProblems = (task: CompilableTask): CompileProblem[] =>
  unsupportedParts(task).map(({ field, reason }) => ({
    reason: 'TaskUnsupported',
    field,
    message: `${field}: ${reason}`,
  }));

/** Files that agent and verifier need and the task has not. */
export function missingFiles({ agent, verifier }: TrialSpec, task: CompilableTask): CompileProblem[] {
  const { reads = 'nothing' } = agentFacts(agent.name) ?? {};
  const needs: [path: string, who: string][] = [
    ...(reads === 'nothing' ? [] : [[reads, `the agent ${agent.name}`] as [string, string]]),
    ...(verifier.disabled ? [] : [['tests/test.sh', 'the verifier'] as [string, string]]),
  ];
  return needs
    .filter(([path]) => !hasFile(task, path))
    .map(([path, who]) => invalid(path, `${path} is missing; ${who} needs it`));
}

export const noImage = (): CompileProblem =>
  invalid(
    'environment',
    'neither spec.environment nor the task says which image to run: give spec.environment.image, buildRef or build, or docker_image under [environment] in task.toml',
  );

export const badArtifact = (message: string): CompileProblem => invalid('artifacts', message);

/** As many bytes as admission allows a Trial of its own (src/generate/admission): they become part of Job and Pod, of which the operator keeps every one in memory. */
const VARIABLES_MAX_BYTES = 128 * 1024;

/** Variables of the task that are too large together. */
export function tooManyVariables(tables: readonly Table[]): CompileProblem[] {
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

/** Variables of the table `field` that are open and that the Trial does not set. */
export const openVariables = (
  field: string,
  { open }: Table,
  own: readonly { name: string }[] = [],
): CompileProblem[] =>
  open
    .filter(({ key }) => !own.some(({ name }) => name === key))
    .map(({ key, variable }) => ({
      ...invalid(
        `${field}.${key}`,
        `${field}.${key} needs the variable ${variable}: set ${key} in the Trial, or give a default as in \${${variable}:-value}`,
      ),
      variable,
    }));
