/**
 * Keeps a trajectory to its size. Texts are cut first, the longest most: their beginnings and ends say what happened. Then steps in the middle
 * are left out. Both are noted.
 */
import type { ToolCall, TrajectoryStep } from '../../wire/trajectory.ts';
import type { Fields } from './json.ts';

/** A step that has no number yet. */
export type Unnumbered = Omit<TrajectoryStep, 'step_id'>;

/** Lists of steps, of the agent itself first, then those of its sub-agents. */
export interface Bounded {
  lists: Unnumbered[][];
  /** Characters that texts are cut at. */
  textChars: number;
  /** Steps that are gone. */
  leftOut: number;
}

/** Tried one after the other. */
const TEXT_CHARS = [65_536, 16_384, 4_096, 1_024, 512];
/** What a text may have at first. */
export const TEXT_CHARS_MAX = 65_536;
/** Of names and ids. */
export const NAME_CHARS_MAX = 256;
/** Of one step; a call may have a result, and there may be as many without a call. */
export const CALLS_MAX = 64;
const ARGUMENTS_MAX = 16;
const DEPTH_MAX = 16;
const MARK = '\n[… left out …]\n';

/** A text of at most that many characters and a mark where its middle was. */
export function cutText(text: string, chars: number): string {
  if (text.length <= chars) return text.toWellFormed();
  const half = chars / 2;
  return `${text.slice(0, half)}${MARK}${text.slice(-half)}`.toWellFormed();
}

const isDeep = (value: unknown, depth = 0): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (depth >= DEPTH_MAX || Object.values(value).some((inner) => isDeep(inner, depth + 1)));

/** Arguments of a call, of about that many characters: the first few names, whatever is long as text with its middle cut. */
export function cutArguments(given: Fields, chars: number): Fields {
  if (!isDeep(given) && JSON.stringify(given).length <= chars) return given;
  const cut = Object.entries(given)
    .slice(0, ARGUMENTS_MAX)
    .map(([name, value]) => [name.slice(0, 64), cutValue(value, Math.floor(chars / 4))] as const);
  return Object.fromEntries(cut);
}

function cutValue(value: unknown, chars: number): unknown {
  if (typeof value === 'string') return cutText(value, chars);
  if (isDeep(value)) return MARK.trim();
  const text = JSON.stringify(value);
  return text.length <= chars ? value : cutText(text, chars);
}

const cutCall = (call: ToolCall, chars: number): ToolCall => ({
  ...call,
  arguments: cutArguments(call.arguments, chars),
});

function cutStep(step: Unnumbered, chars: number): Unnumbered {
  const { message, reasoning_content: reasoning, tool_calls: calls, observation } = step;
  return {
    ...step,
    message: cutText(message, chars),
    ...(reasoning !== undefined && { reasoning_content: cutText(reasoning, chars) }),
    ...(calls && { tool_calls: calls.map((call) => cutCall(call, chars)) }),
    ...(observation && {
      observation: {
        results: observation.results.map((result) =>
          result.content === undefined ? result : { ...result, content: cutText(result.content, chars) },
        ),
      },
    }),
  };
}

/** Bytes as it is stored, indented as deep as a step of a sub-agent is. */
export const bytesOf = (value: object): number => Buffer.byteLength(JSON.stringify([[[[value]]]], null, 1));

/** The same steps in at most that many bytes. `textChars`: what texts were cut at before; they are cut at no more. */
export function bounded(
  lists: readonly (readonly Unnumbered[])[],
  { maxBytes, textChars: before }: { maxBytes: number; textChars: number },
): Bounded {
  for (const textChars of TEXT_CHARS.filter((chars) => chars <= before)) {
    const cut = lists.map((steps) => steps.map((step) => cutStep(step, textChars)));
    const sizes = cut.map((steps) => steps.map(bytesOf));
    if (total(sizes.map(total)) <= maxBytes) return { lists: cut, textChars, leftOut: 0 };
    if (textChars === TEXT_CHARS.at(-1)) return { textChars, ...withoutMiddle(cut, { sizes, maxBytes }) };
  }
  throw new Error('there is a least length of texts');
}

const total = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

/** The agent itself has half of the room, its sub-agents share the other half. */
function withoutMiddle(
  lists: readonly Unnumbered[][],
  { sizes, maxBytes }: { sizes: readonly number[][]; maxBytes: number },
): Pick<Bounded, 'lists' | 'leftOut'> {
  const apart = Math.max(1, lists.length - 1);
  const kept = lists.map((steps, index) => {
    const room = lists.length === 1 ? maxBytes : maxBytes / 2 / (index === 0 ? 1 : apart);
    return endsOf(steps, sizes[index] ?? [], room);
  });
  return {
    lists: kept,
    leftOut: total(lists.map(({ length }, index) => length - (kept[index]?.length ?? 0))),
  };
}

/** As many steps of the beginning and the end as there is room for. */
function endsOf(steps: Unnumbered[], sizes: readonly number[], room: number): Unnumbered[] {
  let [from, to, head, tail] = [0, steps.length, 0, 0];
  while (from < to) {
    const isHead = head <= tail;
    const size = sizes[isHead ? from : to - 1] ?? 0;
    if (head + tail + size > room) break;
    if (isHead) [from, head] = [from + 1, head + size];
    else [to, tail] = [to - 1, tail + size];
  }
  return [...steps.slice(0, from), ...steps.slice(to)];
}
