/** Watches what CloudFormation does to a stack, until it is done. */
import type { Stack, StackEvent, Stacks } from '../../../providers/stacks/port.ts';
import type { CloudContext } from '../steps.ts';
import { phaseOf } from './phase.ts';

/** Small stacks are done in seconds, a cluster in a quarter of an hour. */
const POLL_MS = { first: 250, most: 5_000 } as const;

/** How it ended. */
export interface Ended {
  /** Undefined where it is gone without a trace. */
  stack: Stack | undefined;
  /** What failed first, and what failed with it. */
  failed: readonly StackEvent[];
}

type Watching = Pick<CloudContext, 'say' | 'sleep'> & { stacks: Stacks };

/** What was last when nothing had begun; undefined where nothing ever did. */
export const lastEvent = async (stacks: Stacks, id: string): Promise<string | undefined> =>
  (await stacks.events(id)).at(-1)?.id;

const BEGINS = new Set(['CREATE_IN_PROGRESS', 'UPDATE_IN_PROGRESS', 'DELETE_IN_PROGRESS']);

/** What was last before somebody began what is under way now. */
export async function beforeThis(stacks: Stacks, id: string): Promise<string | undefined> {
  const events = await stacks.events(id);
  const begun = events.findLastIndex(({ whole, status }) => whole && BEGINS.has(status));
  return events[begun - 1]?.id;
}

/** Shows each event after `after` once, in order, until nothing is done to the stack any more. */
export async function follow(
  { stacks, say, sleep }: Watching,
  id: string,
  after: string | undefined,
): Promise<Ended> {
  let last = after;
  const failed: StackEvent[] = [];
  for (let pause: number = POLL_MS.first; ; pause = Math.min(POLL_MS.most, pause * 1.5)) {
    // The stack before its events: its last one is there once it is done.
    const stack = await stacks.find(id);
    const events = await stacks.events(id, last);
    for (const event of events) say(lineOf(event, stack));
    last = events.at(-1)?.id ?? last;
    failed.push(...events.filter(isFailure));
    const phase = phaseOf(stack);
    if (phase !== 'busy' && phase !== 'going') return { stack, failed };
    await sleep(pause);
  }
}

/** What failed by itself: the rest of a stack is stopped then, and says so. */
const isFailure = ({ whole, status, reason = '' }: StackEvent): boolean =>
  !whole && status.endsWith('_FAILED') && !/cancel+ed/i.test(reason);

function lineOf({ resource, type, status, reason, whole }: StackEvent, stack: Stack | undefined): string {
  const what = whole ? 'stack' : `${resource} (${type})`;
  return `${stack?.name ?? ''} ${what}: ${status}${reason === undefined ? '' : `: ${reason}`}`.trim();
}
