import { setTimeout as wait } from 'node:timers/promises';
import { connect, type ConnectOptions, type Kube } from '../../src/kube/connect.ts';
import { systemClock, type Clock } from '../../src/async/clock.ts';
import type { ConfigMap } from '../../src/kube/kinds.ts';
import type { Log } from '../../src/kube/types.ts';
import type { ApiServer } from './api-server.ts';

/** A log that keeps its lines. */
export function recordingLog(): Log & { lines: { level: string; message: string; fields: object }[] } {
  const lines: { level: string; message: string; fields: object }[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** The system's clock, so many times as fast: backoffs of seconds pass in milliseconds. */
export function fastClock(factor: number): Clock {
  return {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * factor,
    after: (ms, run) => systemClock.after(ms / factor, run),
  };
}

/** A connection to a test's API server. */
export function connectTo(server: ApiServer, options: Partial<ConnectOptions> = {}): Kube {
  return connect({ kubeConfig: server.kubeConfig(), log: recordingLog(), random: () => 0, ...options });
}

const TURN_MS = 2;

/** Waits until `condition` holds; fails saying what it waited for. On a machine that does other things a process gets fewer turns: it waits until it had half of those that fit into the time. */
export async function until(what: string, condition: () => boolean, limitMs = 30_000): Promise<void> {
  const end = performance.now() + limitMs;
  for (let turns = 0; !condition(); turns++) {
    if (performance.now() > end && turns > limitMs / TURN_MS / 2)
      throw new Error(`waited ${limitMs} ms in vain until ${what}`);
    await wait(TURN_MS);
  }
}

export function configMap(name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name }, data };
}
