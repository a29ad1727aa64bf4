/**
 * How many builds may be under way at the same time. An attempt holds a slot from when its token is recorded until it ends: the watch
 * cache knows most of that, and survives a restart. What is kept here only bridges the moment until the cache shows a decision.
 *
 * The controller uses it in two places: `observe` asks for the position of a build that waits, and `act` enters a build before it opens an
 * attempt, and has any build leave that keeps neither a slot nor its position.
 */
import { openAttempt } from '../../crds/attempts.ts';
import { isFinished } from '../../crds/conditions.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import { keyOf } from '../../kube/cache/cache.ts';
import type { Change, WatchedStore } from '../../kube/cache/cache.ts';
import type { Feed } from '../../kube/work/feed.ts';
import { Limit } from './limit.ts';
import { bySlot, inTurn, isWaiting, perNamespace, roundedUp } from './queue.ts';
import type { QueuePosition, Turn } from './queue.ts';

export class Slots {
  /** Indexed by `slot`: `bySlot`. */
  readonly #taskBuilds: WatchedStore<TaskBuild>;
  readonly #most: Limit;
  readonly #mostOfOne: number;
  /** By UID: a slot was given, and the cache does not show the attempt yet. */
  readonly #granted = new Map<string, TaskBuild>();
  /** By UID: told to wait, as of that version, and the cache does not show it yet. */
  readonly #joined = new Map<string, TaskBuild>();
  #wake: (build: TaskBuild) => void = () => {};

  /** `limit`: builds at the same time; `share`: those of one namespace; `now`: milliseconds that never jump. */
  constructor(
    taskBuilds: WatchedStore<TaskBuild>,
    limit: number,
    { share = limit, now = () => 0 }: { share?: number; now?: () => number } = {},
  ) {
    this.#taskBuilds = taskBuilds;
    this.#most = new Limit(limit, now);
    this.#mostOfOne = share;
  }

  get #limit(): number {
    return this.#most.value;
  }

  get #share(): number {
    return Math.min(this.#mostOfOne, this.#limit);
  }

  /** A builder whose quota is for all namespaces takes no more just now: builds wait here, where no timeout counts, and not there. */
  builderIsFull(): void {
    const taken = this.#taskBuilds.by('slot', 'open').filter((build) => openAttempt(build)?.buildId);
    this.#most.refused(taken.length);
  }

  /** Takes a slot for a build; its position in the queue where there is none, or where others are served first. */
  enter(build: TaskBuild): QueuePosition | undefined {
    const uid = build.metadata.uid ?? '';
    const position = this.positionOf(build);
    if (position) this.#joined.set(uid, build);
    else {
      this.#joined.delete(uid);
      this.#granted.set(uid, build);
    }
    return position;
  }

  /** The position that a build has, or would have, in the queue; undefined where a slot is free for it. */
  positionOf(build: TaskBuild): QueuePosition | undefined {
    this.#forget();
    if (this.#granted.has(build.metadata.uid ?? '')) return undefined;
    const others = this.#queue().filter(({ metadata }) => metadata.uid !== build.metadata.uid);
    const turns = this.#turns([...others, build]);
    if (this.#served(turns).some((turn) => turn.build === build)) return undefined;
    const queuedAhead = turns.find((turn) => turn.build === build)?.queuedAhead ?? 0;
    return { queuedAhead, limit: this.#limit, share: this.#share };
  }

  /** Whether a build was told to wait, and waits still. */
  isQueued(build: TaskBuild): boolean {
    return isWaiting(build) || this.#joined.has(build.metadata.uid ?? '');
  }

  /** Gives up what a build has got without opening an attempt. */
  leave({ metadata: { uid = '' } }: TaskBuild): void {
    this.#joined.delete(uid);
    if (this.#granted.delete(uid)) this.#wakeNext();
  }

  /** Wakes the builds whose turn it is, or whose position has changed enough to be reported, as soon as a slot is free or the queue moves. */
  feed(): Feed {
    return {
      start: (enqueue) => {
        this.#granted.clear();
        this.#joined.clear();
        this.#wake = (build) => enqueue(keyOf(build), {});
        return this.#taskBuilds.subscribe((change) => {
          if (movesQueue(change)) this.#wakeNext();
        });
      },
    };
  }

  #wakeNext(): void {
    this.#forget();
    const turns = this.#turns(this.#queue());
    const served = new Set(this.#served(turns));
    for (const turn of turns)
      if (served.has(turn) || roundedUp(turn.queuedAhead) !== roundedUp(turn.queuedAhead + 1))
        this.#wake(turn.build);
  }

  #turns(waiting: TaskBuild[]): Turn[] {
    return inTurn(waiting, perNamespace(this.#underWay()));
  }

  /** Those that a slot is free for, where their namespace has not got its share already. */
  #served(turns: Turn[]): Turn[] {
    const free = this.#limit - this.#underWay().length;
    return turns.filter(({ beside }) => beside < this.#share).slice(0, Math.max(0, free));
  }

  #underWay(): TaskBuild[] {
    return [...this.#taskBuilds.by('slot', 'open'), ...this.#granted.values()];
  }

  #queue(): TaskBuild[] {
    const waiting = this.#taskBuilds
      .by('slot', 'waiting')
      .filter(
        ({ metadata }) => !this.#granted.has(metadata.uid ?? '') && !this.#joined.has(metadata.uid ?? ''),
      );
    return [...waiting, ...this.#joined.values()];
  }

  /** What the cache shows by now, or shows otherwise, is not kept. */
  #forget(): void {
    for (const [uid, build] of this.#granted) {
      const now = this.#current(build);
      if (!now || isFinished(now) || openAttempt(now)) this.#granted.delete(uid);
    }
    for (const [uid, build] of this.#joined)
      if (this.#current(build)?.metadata.resourceVersion !== build.metadata.resourceVersion)
        this.#joined.delete(uid);
  }

  #current(build: TaskBuild): TaskBuild | undefined {
    const found = this.#taskBuilds.get(keyOf(build));
    return found?.metadata.uid === build.metadata.uid ? found : undefined;
  }
}

/** A slot was freed, or a build left the queue. */
function movesQueue(change: Change<TaskBuild>): boolean {
  if (change.type !== 'modified') return change.type === 'deleted';
  const [before] = bySlot(change.old);
  return before !== undefined && bySlot(change.object)[0] !== before;
}
