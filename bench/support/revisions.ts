/**
 * When changes came about. A watch tells of them in their order, but where the API server is busy seconds late, of Jobs later than of Trials. Every
 * change has a revision of etcd, though, and so has every write of ours, of which we know the time.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { ConfigMap } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/types.ts';
import type { World } from '../../test/e2e/support/world.ts';

export interface Tick {
  revision: number;
  /** Milliseconds of this process's clock. */
  at: number;
}

/** Revision that an object had when it was told of. */
export const revisionOf = ({ metadata: { resourceVersion } }: KubeObject): number => Number(resourceVersion);

/** The time of a revision, by the ticks before and after it; of one that is not between two, that of the nearest. */
export function timeOf(ticks: readonly Tick[], revision: number): number {
  const index = ticks.findIndex((tick) => tick.revision >= revision);
  const [before, after] = [ticks[index - 1], index < 0 ? ticks.at(-1) : ticks[index]];
  if (!before || !after) return after?.at ?? NaN;
  const share = (revision - before.revision) / (after.revision - before.revision);
  return before.at + share * (after.at - before.at);
}

/** The times of marks that are revisions. */
export const timed = <M extends Record<string, number>>(marks: M, ticks: readonly Tick[]): M =>
  Object.fromEntries(Object.entries(marks).map(([mark, revision]) => [mark, timeOf(ticks, revision)])) as M;

const EVERY_MS = 100;

/** Writes a little ten times a second until `stop`, whose answer is when. A write took effect between its being sent and answered: in the middle, give or take half of that. */
export function startTicks({ kube, namespace }: World): { stop: () => Promise<Tick[]> } {
  const ticks: Tick[] = [];
  const ending = new AbortController();
  const key = { namespace, name: 'bench-ticks' };
  const written = (async () => {
    if (!(await kube.get(ConfigMap, key)))
      await kube.create(ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata: key });
    while (!ending.signal.aborted) {
      const sent = performance.now();
      const tick = await kube.patch(ConfigMap, key, { data: { at: String(sent) } });
      ticks.push({ revision: revisionOf(tick), at: (sent + performance.now()) / 2 });
      await wait(Math.max(0, sent + EVERY_MS - performance.now()));
    }
  })();
  return {
    stop: async () => {
      ending.abort();
      await written;
      return ticks;
    },
  };
}
