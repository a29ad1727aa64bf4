/**
 * sb-operator/client: what `sb` does, for programs and user interfaces, without a terminal. `docs/client.md` is a whole program. Nothing here
 * prints, asks or reads the environment: what is needed of the process is handed to `openSession`.
 *
 * Every failure that has a cause and a remedy is a `CliError` with a code of `docs/errors`; `describeError` makes one of anything else that
 * was thrown. Texts of Trials, Pods and logs come from outside and are not safe for a terminal or a page: escape them before they are shown.
 */

// A connection to an installation, with the user's own kubeconfig and credentials.
export { openSession, withSession } from './session/session.ts';
export { checkReachable, preflight, type Need } from './session/preflight.ts';
export type { ClientConfig, Session, SessionOptions, Surroundings } from './session/types.ts';

// Folders of tasks → a plan → Trials in the cluster. Each step can be called again: what is there is left alone.
export { selectTasks, type Selection, type SelectOptions } from './runs/select/select.ts';
export { planRun } from './runs/plan/plan.ts';
export type { PlanOptions, RunPlan } from './runs/plan/types.ts';
export { dryRunServer, submitRun, type Submitted, type SubmitOptions } from './runs/submit/submit.ts';
export type { RunOptions } from './documents/run-options.ts';

// Agents: what is known of them, and whether they have what they need.
export { agentRows, agentShown } from './runs/agents/shown.ts';
export { checkAgents, type CheckOptions } from './runs/agents/check.ts';
export type { AgentCheck, AgentRow, AgentShown } from './documents/agent.ts';

// Runs that are there.
export { resolveRun, runOf, trialsOf } from './runs/find/runs.ts';
export { resolveTrial } from './runs/find/trial.ts';
export { listRuns } from './runs/documents.ts';
export { errorClasses } from './runs/errors.ts';
export { cancelOpen, deleteObjects } from './runs/end.ts';
export { rerun } from './runs/rerun/rerun.ts';
export { regradeRun, regradeTrial } from './runs/rerun/regrade.ts';

// Following a run while it goes on: `RunView` holds a line for each Trial, in milliseconds since the epoch.
export { followRun, type TrialNews } from './runs/follow/follow.ts';
export { RunView } from './runs/follow/view.ts';
export { lineOf, type TrialLine } from './runs/follow/line.ts';
export { summarize, type RunSummary } from './runs/follow/summary.ts';

// Results, to a folder of this machine.
export { downloadRun } from './runs/mirror/download.ts';

// Logs: lines as they came.
export { logSources, trialLog } from './logs/logs.ts';
export { whenLogged, type LogPart, type LogPhase, type LogWish, type TrialLog } from './logs/parts.ts';

// What agents did, step by step, in Harbor's format.
export { trajectoriesOf, type StepTrajectory, type TrajectorySources } from './logs/trajectory.ts';

// Why something is not as it should be: one Trial, or the whole installation.
export { explain } from './diagnosis/explain/explain.ts';
export { diagnose } from './diagnosis/doctor/diagnose.ts';

// Sandboxes: containers that are there when a program needs them.
export { attachSandbox, createSandbox, SandboxEnvironment } from './sandbox/environment.ts';
export type { Forwarding, ForwardOptions } from './sandbox/ports/forward.ts';
export { SandboxCommand } from './sandbox/commands/command.ts';
export {
  extendSandbox,
  getSandbox,
  listSandboxes,
  removeSandbox,
  resumeSandbox,
  suspendSandbox,
  type Extension,
} from './sandbox/object/change.ts';
export {
  BrokerUnreachable,
  CommandTimedOut,
  NotAllowed,
  SandboxEnded,
  SandboxError,
  SandboxExists,
  SandboxLost,
  SandboxNotFound,
  SandboxNotReady,
  SandboxRefused,
  UnsafeDownload,
} from './sandbox/errors.ts';
export type * from './sandbox/types.ts';
export type { WayName } from './sandbox/broker/ways.ts';

// Failures, and the documents that functions resolve to.
export { CliError, type Code } from './failures/error.ts';
export { explain as describeError } from './failures/explain.ts';
export type { CheckResult, Diagnosis } from './documents/cluster.ts';
export type { Downloaded, ErrorClass, Regraded, Rerun, RunDeleted, RunRow } from './documents/run.ts';
export type { Explanation } from './documents/trial.ts';
