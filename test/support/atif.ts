/** Whether a trajectory is one of Harbor's format (ATIF): by its JSON Schema, as Harbor 0.25 has it, and by the rules that a schema cannot say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Trajectory } from '../../src/wire/trajectory.ts';

const ajv = new Ajv2020({ strict: false, allErrors: true });
let compiled: ValidateFunction | undefined;

function schema(): ValidateFunction {
  const text = (): string => readFileSync(join(import.meta.dirname, 'atif-trajectory-schema.json'), 'utf8');
  return (compiled ??= ajv.compile(JSON.parse(text()) as object));
}

/** Throws what is wrong with it. */
export function validateTrajectory(trajectory: Trajectory): void {
  const validate = schema();
  if (!validate(JSON.parse(JSON.stringify(trajectory)))) throw new Error(ajv.errorsText(validate.errors));
  const apart = trajectory.subagent_trajectories ?? [];
  const ids = new Set(apart.map(({ trajectory_id: id }) => id));
  if (ids.size < apart.length || ids.has(undefined)) throw new Error('sub-agents share an id, or have none');
  for (const one of [trajectory, ...apart])
    for (const [at, step] of one.steps.entries()) checkStep(step, { at, ids });
}

type Step = Trajectory['steps'][number];

function checkStep(step: Step, { at, ids }: { at: number; ids: ReadonlySet<string | undefined> }): void {
  if (step.step_id !== at + 1) throw new Error(`step ${at + 1} has the number ${step.step_id}`);
  checkResults(step, ids);
  const { model_name, reasoning_content, tool_calls, metrics } = step;
  const ofAgents = [model_name, reasoning_content, tool_calls, metrics];
  if (step.source !== 'agent' && ofAgents.some((field) => field !== undefined))
    throw new Error(`step ${step.step_id} is not the agent's, and has what only those have`);
}

function checkResults(step: Step, ids: ReadonlySet<string | undefined>): void {
  const calls = (step.tool_calls ?? []).map(({ tool_call_id: id }) => id);
  if (new Set(calls).size < calls.length) throw new Error(`calls of step ${step.step_id} share an id`);
  for (const { source_call_id: call, subagent_trajectory_ref: refs } of step.observation?.results ?? []) {
    if (call !== undefined && !calls.includes(call))
      throw new Error(`step ${step.step_id} has no call ${call}`);
    const stray = refs?.find(({ trajectory_id: id }) => !ids.has(id));
    if (stray) throw new Error(`there is no trajectory ${stray.trajectory_id}`);
  }
}
