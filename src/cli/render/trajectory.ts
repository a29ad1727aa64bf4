/** A trajectory as people read it: who said what, what was called, what came of it. Everything in it is made safe here. */
import type { StepTrajectory } from '../../client/logs/trajectory.ts';
import { grouped } from '../../text/figures.ts';
import { safe, safeLine } from '../../text/safe.ts';
import type { ObservationResult, ToolCall, Trajectory, TrajectoryStep } from '../../wire/trajectory.ts';
import { usageText } from './contenders.ts';
import type { Style } from './style.ts';

export interface TrajectoryView {
  /** Nothing is cut. */
  full: boolean;
  styles: Style;
}

/** Of a text that is cut. */
const LINES = 8;
const LINE_CHARS = 200;
/** Steps of a trajectory that is cut: so many of its beginning and of its end. */
const STEPS_SHOWN = 100;

/** Lines with their ends. */
export function* trajectoryLines(
  { step, trajectory }: StepTrajectory,
  view: TrajectoryView,
): Generator<string> {
  const { styles } = view;
  if (step !== undefined) yield `${styles.strong(`step ${safeLine(step)}`)}\n`;
  yield* agentLines(trajectory, view);
  for (const other of trajectory.subagent_trajectories ?? []) {
    yield `\n${styles.strong(`sub-agent ${safeLine(other.trajectory_id ?? other.agent.name)}`)}\n`;
    yield* agentLines(other, view);
  }
}

type Agents = Omit<Trajectory, 'subagent_trajectories'>;

function* agentLines(
  { agent, steps, notes, final_metrics: total }: Agents,
  view: TrajectoryView,
): Generator<string> {
  const { faint } = view.styles;
  const who = [agent.name, agent.version, agent.model_name].filter((word) => word !== undefined);
  yield `${faint(safeLine(who.join(' ')))}\n`;
  if (notes !== undefined) yield `${faint(safeLine(notes))}\n`;
  const hidden = view.full ? 0 : Math.max(0, steps.length - 2 * STEPS_SHOWN);
  for (const [at, step] of steps.entries()) {
    if (hidden > 0 && at === STEPS_SHOWN) yield `\n${faint(`… ${hidden} steps (--full)`)}\n`;
    if (hidden > 0 && at >= STEPS_SHOWN && at < STEPS_SHOWN + hidden) continue;
    yield* stepLines(step, view);
  }
  if (total) yield `\n${faint(`used ${totalText(total)}`)}\n`;
}

const totalText = (total: NonNullable<Trajectory['final_metrics']>): string =>
  usageText({
    n_input_tokens: total.total_prompt_tokens ?? null,
    n_cache_tokens: total.total_cached_tokens ?? null,
    n_output_tokens: total.total_completion_tokens ?? null,
    cost_usd: total.total_cost_usd ?? null,
  });

function* stepLines(step: TrajectoryStep, view: TrajectoryView): Generator<string> {
  const { styles } = view;
  const { message, reasoning_content: reasoning, tool_calls: calls = [], observation } = step;
  yield `\n${headOf(step, styles)}\n`;
  if (reasoning !== undefined) for (const line of cut(reasoning, view)) yield `  ${styles.faint(line)}\n`;
  for (const line of cut(message, view)) yield `  ${line}\n`;
  const results = observation?.results ?? [];
  for (const call of calls) {
    yield* callLines(call, view);
    for (const result of results.filter(({ source_call_id: id }) => id === call.tool_call_id))
      yield* resultLines(result, view);
  }
  const ids = new Set(calls.map(({ tool_call_id: id }) => id));
  for (const result of results.filter(({ source_call_id: id }) => id === undefined || !ids.has(id)))
    yield* resultLines(result, view);
}

function headOf(
  { step_id, source, timestamp, metrics = {} }: TrajectoryStep,
  { strong, faint }: Style,
): string {
  const { prompt_tokens: read, completion_tokens: written, cached_tokens: cached } = metrics;
  const told = [
    timestamp === undefined ? '' : (/T(\d\d:\d\d:\d\d)/.exec(timestamp)?.[1] ?? ''),
    read === undefined ? '' : `${grouped(read)} in${cached ? ` (${grouped(cached)} cached)` : ''}`,
    written === undefined ? '' : `${grouped(written)} out`,
  ].filter((text) => text !== '');
  return `${strong(`#${step_id} ${source}`)}${told.length > 0 ? `  ${faint(told.join(', '))}` : ''}`;
}

/** Where agents put the command of their shells. */
const COMMANDS = ['command', 'cmd', 'script', 'input'];

function* callLines(
  { function_name: name, arguments: given }: ToolCall,
  view: TrajectoryView,
): Generator<string> {
  const command = COMMANDS.map((key) => given[key]).find(isCommand);
  const text = command === undefined ? JSON.stringify(given) : [command].flat().join(' ');
  const [first = '', ...rest] = cut(text, view);
  yield `  ${view.styles.good('→')} ${safeLine(name)}: ${first}\n`;
  for (const line of rest) yield `      ${line}\n`;
}

const isCommand = (value: unknown): value is string | string[] =>
  typeof value === 'string' ||
  (Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string'));

function* resultLines(
  { content, subagent_trajectory_ref: refs = [] }: ObservationResult,
  view: TrajectoryView,
): Generator<string> {
  for (const line of cut(content ?? '', view)) yield `  ${view.styles.faint('|')} ${line}\n`;
  for (const { trajectory_id: id } of refs)
    yield `  ${view.styles.faint(`| see sub-agent ${safeLine(id)}`)}\n`;
}

/** Safe lines of a text; of a long one its beginning, and how much more there is. */
function cut(text: string, { full }: TrajectoryView): string[] {
  const lines = safe(text).trimEnd().split('\n');
  if (lines.length === 1 && lines[0] === '') return [];
  if (full) return lines;
  const shown = lines
    .slice(0, LINES)
    .map((line) => (line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS).toWellFormed()}…` : line));
  return lines.length > LINES ? [...shown, `… ${lines.length - LINES} more lines (--full)`] : shown;
}
