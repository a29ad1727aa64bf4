/** The steps of an agent, or of a sub-agent, as they come. */
import { present } from '../../crds/present.ts';
import type { StepMetrics, ToolCall } from '../../wire/trajectory.ts';
import {
  CALLS_MAX,
  cutArguments,
  cutText,
  NAME_CHARS_MAX,
  TEXT_CHARS_MAX,
  type Unnumbered,
} from './bounded.ts';
import { argumentsOf, timeOf } from './json.ts';

/** A call of a tool; `arguments` as the program has them. */
export interface Call {
  id: string;
  name: string;
  arguments: unknown;
}

/** What a model answered, or a part of it. */
export interface Said {
  message?: string | undefined;
  reasoning?: string | undefined;
  calls?: readonly Call[];
  /** Names the answer: what follows under the same name belongs to the same step. Missing: a step of its own. */
  answer?: string | undefined;
  model?: string | undefined;
  /** A later one of the same answer replaces it. */
  metrics?: StepMetrics | undefined;
  /** ISO 8601, or milliseconds since 1970; anything else is left out. */
  time?: unknown;
}

export interface Conversation {
  user(message: string, time?: unknown): void;
  system(message: string, time?: unknown): void;
  agent(said: Said): void;
  /** What a call gave, in the step of the call; where no such call is known, in the agent's latest step. A later one replaces it. */
  result(callId: string | undefined, content: string): void;
}

/** Of a call. */
type Result = NonNullable<Unnumbered['observation']>['results'][number];

/** What is known of a list of steps besides the steps. */
export interface Steps extends Conversation {
  readonly steps: Unnumbered[];
  /** Steps there were, with those that were left out since. */
  readonly count: number;
  /** Says where the trajectory of the sub-agent is that a call began, and whether that call is known. */
  refer(callId: string, trajectoryId: string): boolean;
  /** Replaces the steps by shorter ones; those that are gone take their calls along. */
  replace(steps: Unnumbered[]): void;
}

/** `grown` is told about how many characters were added. */
export function conversation(grown: (chars: number) => void): Steps {
  let steps: Unnumbered[] = [];
  let count = 0;
  let latest: Unnumbered | undefined;
  /** The name of the latest answer. */
  let answer: string | undefined;
  /** The step that a call is of. */
  let calls = new Map<string, Unnumbered>();
  const begin = (source: Unnumbered['source'], time: unknown): Unnumbered => {
    const step: Unnumbered = { ...present({ timestamp: timeOf(time) }), source, message: '' };
    steps.push(step);
    count += 1;
    if (source === 'agent') latest = step;
    answer = undefined;
    grown(256);
    return step;
  };
  return {
    get steps() {
      return steps;
    },
    get count() {
      return count;
    },
    user: (message, time) => grown(addText(begin('user', time), 'message', message)),
    system: (message, time) => grown(addText(begin('system', time), 'message', message)),
    agent: (said) => {
      const goesOn = said.answer !== undefined && said.answer === answer;
      let step = (goesOn ? latest : undefined) ?? begin('agent', said.time);
      grown(addText(step, 'message', said.message) + addText(step, 'reasoning_content', said.reasoning));
      for (const call of said.calls ?? []) {
        if ((step.tool_calls?.length ?? 0) >= CALLS_MAX) step = begin('agent', said.time);
        calls.set(nameText(call.id), step);
        grown(addCall(step, call));
      }
      answer = said.answer;
      Object.assign(step, present({ model_name: said.model && nameText(said.model), metrics: said.metrics }));
    },
    result: (callId, content) => {
      const id = callId && nameText(callId);
      const owner = id === undefined ? undefined : calls.get(id);
      if (owner ?? latest) grown(addResult((owner ?? latest)!, owner && id, content));
    },
    refer: (callId, trajectoryId) => {
      const step = calls.get(callId);
      if (step) resultIn(step, callId).subagent_trajectory_ref = [{ trajectory_id: trajectoryId }];
      return step !== undefined;
    },
    replace: (shorter) => {
      steps = shorter;
      latest = shorter.findLast(({ source }) => source === 'agent');
      calls = new Map(
        shorter.flatMap((step) => (step.tool_calls ?? []).map((call) => [call.tool_call_id, step] as const)),
      );
    },
  };
}

/** A name or an id, at most as long as one may be. */
export const nameText = (name: string): string => name.slice(0, NAME_CHARS_MAX).toWellFormed();

/** As all that add something: returns about how many characters it was. */
function addText(step: Unnumbered, field: 'message' | 'reasoning_content', more = ''): number {
  if (more === '') return 0;
  const text = (step[field] ?? '') + more;
  // Cut at twice the length: a text that comes in small parts is not cut for each.
  step[field] = text.length > 2 * TEXT_CHARS_MAX ? cutText(text, TEXT_CHARS_MAX) : text;
  return Math.min(more.length, TEXT_CHARS_MAX);
}

function addCall(step: Unnumbered, { id, name, arguments: given }: Call): number {
  const call: ToolCall = {
    tool_call_id: nameText(id),
    function_name: nameText(name),
    arguments: cutArguments(argumentsOf(given), TEXT_CHARS_MAX),
  };
  const others = (step.tool_calls ?? []).filter(({ tool_call_id: known }) => known !== call.tool_call_id);
  step.tool_calls = [...others, call];
  return JSON.stringify(call.arguments).length + 2 * NAME_CHARS_MAX;
}

function addResult(step: Unnumbered, callId: string | undefined, content: string): number {
  const results = step.observation?.results ?? [];
  if (callId === undefined && results.length >= CALLS_MAX) return 0;
  const text = cutText(content, TEXT_CHARS_MAX);
  if (callId === undefined) step.observation = { results: [...results, { content: text }] };
  else resultIn(step, callId).content = text;
  return text.length + NAME_CHARS_MAX;
}

/** What the call gave; empty at first. */
function resultIn(step: Unnumbered, callId: string): Result {
  const results = (step.observation ??= { results: [] }).results;
  const known = results.find(({ source_call_id: id }) => id === callId);
  if (known) return known;
  const made: Result = { source_call_id: callId };
  results.push(made);
  return made;
}
