import type { Clock } from '../../async/clock.ts';
import type { Metrics } from '../metrics.ts';
import type { Log, Reconcile } from '../types.ts';
import { createController } from './controller.ts';
import type { Feed } from './feed.ts';
import type { InWork } from './in-work.ts';
import { OwnWrites, type OwnWritesOptions } from './own-writes.ts';

/** What a controller is, before anything runs. */
export interface Definition {
  name: string;
  feeds: Feed[];
  reconcile: Reconcile;
  concurrency?: number | undefined;
  reconcileTimeoutMs?: number | undefined;
}

export interface TermOptions {
  mayWrite: () => boolean;
  cachesOf: OwnWritesOptions['cachesOf'];
  clock: Clock;
  log: Log;
  metrics: Metrics;
  /** By name of the controller. */
  inWork?: ((controller: string) => InWork) | undefined;
}

/** The controllers at work during one term of leadership. */
export interface Term {
  /** Takes no more work, lets what runs finish for `graceMs`, then ends it. Resolves to whether nothing is under way any more. */
  stop(graceMs: number): Promise<boolean>;
}

export function startTerm(definitions: Definition[], options: TermOptions): Term {
  const { clock, log, metrics, mayWrite, cachesOf, inWork } = options;
  const running = definitions.map((definition) => {
    const { name, reconcile, concurrency, reconcileTimeoutMs } = definition;
    const controller = createController({
      name,
      reconcile,
      ...(concurrency !== undefined && { concurrency }),
      ...(reconcileTimeoutMs !== undefined && { reconcileTimeoutMs }),
      mayWrite,
      ...(inWork && { inWork: inWork(name) }),
      ownWrites: new OwnWrites({ clock, cachesOf }),
      clock,
      log,
      metrics,
    });
    const feeds = definition.feeds.map((feed) => feed.start((key, how) => controller.enqueue(key, how), log));
    return { controller, feeds };
  });
  return {
    async stop(graceMs) {
      for (const { feeds } of running) for (const end of feeds) end();
      const ended = await Promise.all(running.map(({ controller }) => controller.stop(graceMs)));
      return ended.every(Boolean);
    },
  };
}
