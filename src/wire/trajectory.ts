/**
 * What an agent did, step by step, in Harbor's Agent Trajectory Interchange Format (ATIF 1.8): `agent/trajectory.json`. The courier makes it of
 * what the agent wrote, so whoever reads it checks it against this. Only what we write of the format is here.
 */
import { Type } from 'typebox';

const Optional = Type.Optional;

/** Of one answer of a model. */
export const StepMetrics = Type.Object({
  /** Including cached ones. */
  prompt_tokens: Optional(Type.Integer({ minimum: 0 })),
  completion_tokens: Optional(Type.Integer({ minimum: 0 })),
  cached_tokens: Optional(Type.Integer({ minimum: 0 })),
  cost_usd: Optional(Type.Number({ minimum: 0 })),
});
export type StepMetrics = Type.Static<typeof StepMetrics>;

export const ToolCall = Type.Object({
  tool_call_id: Type.String(),
  function_name: Type.String(),
  arguments: Type.Record(Type.String(), Type.Unknown()),
});
export type ToolCall = Type.Static<typeof ToolCall>;

export const ObservationResult = Type.Object({
  /** Missing: of no call, or of one that is unknown. */
  source_call_id: Optional(Type.String()),
  content: Optional(Type.String()),
  /** Of a call of another agent: its trajectory, by `trajectory_id`, in `subagent_trajectories`. */
  subagent_trajectory_ref: Optional(Type.Array(Type.Object({ trajectory_id: Type.String() }))),
});
export type ObservationResult = Type.Static<typeof ObservationResult>;

export const TrajectoryStep = Type.Object({
  /** Counts from 1. */
  step_id: Type.Integer({ minimum: 1 }),
  /** ISO 8601. */
  timestamp: Optional(Type.String()),
  source: Type.Union([Type.Literal('system'), Type.Literal('user'), Type.Literal('agent')]),
  model_name: Optional(Type.String()),
  message: Type.String(),
  reasoning_content: Optional(Type.String()),
  tool_calls: Optional(Type.Array(ToolCall)),
  observation: Optional(Type.Object({ results: Type.Array(ObservationResult) })),
  metrics: Optional(StepMetrics),
});
export type TrajectoryStep = Type.Static<typeof TrajectoryStep>;

const trajectory = {
  schema_version: Type.Literal('ATIF-v1.8'),
  session_id: Optional(Type.String()),
  trajectory_id: Optional(Type.String()),
  agent: Type.Object({
    name: Type.String(),
    version: Type.String(),
    model_name: Optional(Type.String()),
  }),
  steps: Type.Array(TrajectoryStep),
  /** What is left out, and why. */
  notes: Optional(Type.String()),
  final_metrics: Optional(
    Type.Object({
      total_prompt_tokens: Optional(Type.Integer({ minimum: 0 })),
      total_completion_tokens: Optional(Type.Integer({ minimum: 0 })),
      total_cached_tokens: Optional(Type.Integer({ minimum: 0 })),
      total_cost_usd: Optional(Type.Number({ minimum: 0 })),
      total_steps: Optional(Type.Integer({ minimum: 0 })),
    }),
  ),
};

export const Trajectory = Type.Object({
  ...trajectory,
  subagent_trajectories: Optional(Type.Array(Type.Object(trajectory))),
});
export type Trajectory = Type.Static<typeof Trajectory>;

/** Bytes of a trajectory as it is stored: its longest texts are cut, then steps of its middle are left out. */
export const TRAJECTORY_MAX_BYTES = 4 * 2 ** 20;
