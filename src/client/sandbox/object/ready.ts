/** Waits until a Sandbox can be used, and says what it waits for. */
import { Sandbox as SandboxKind } from '../../../crds/kinds.ts';
import type { Sandbox } from '../../../crds/sandbox.ts';
import { SANDBOX_LOST, SANDBOX_STOPPED, standingOf } from '../../../crds/sandbox-reasons.ts';
import { Caches } from '../../../kube/cache/caches.ts';
import { isForbidden } from '../../../kube/errors.ts';
import type { Log } from '../../../kube/types.ts';
import type { Session } from '../../session/types.ts';
import { NotAllowed, SandboxEnded, SandboxNotFound, SandboxNotReady, type SandboxError } from '../errors.ts';
import type { OnProgress } from '../types.ts';
import { nextFor, placeOf, type PodPlace } from './explain.ts';

const READY_MS = 10 * 60_000;

export interface WaitOptions {
  signal?: AbortSignal | undefined;
  onProgress?: OnProgress | undefined;
  /** Default: 10 minutes. */
  readyTimeoutMs?: number | undefined;
}

type Verdict =
  | { kind: 'ready' }
  | { kind: 'waiting'; reason: string; message: string }
  | { kind: 'failed'; error: SandboxError };

/** What its condition means to whoever waits. Pure. */
export function verdictOf(sandbox: Sandbox): Verdict {
  const { name, deletionTimestamp, generation = 0 } = sandbox.metadata;
  const ended = { reason: 'Deleted', message: 'it is being deleted' };
  if (deletionTimestamp !== undefined) return { kind: 'failed', error: new SandboxEnded(name, ended) };
  const standing = standingOf(sandbox);
  // What was said of an earlier spec, such as a suspended one, says nothing of this one.
  if (!standing || (standing.observedGeneration ?? generation) < generation)
    return { kind: 'waiting', reason: 'Pending', message: 'the operator has not looked at it yet' };
  const { type, status, reason, message } = standing;
  if (type === 'Ready' && status === 'True') return { kind: 'ready' };
  if (isOver(reason)) return { kind: 'failed', error: notReady(name, { reason, message }) };
  return { kind: 'waiting', reason, message };
}

/** Whether nothing passes by itself any more. */
export const isOver = (reason: string): boolean =>
  Object.hasOwn(SANDBOX_STOPPED, reason) || Object.hasOwn(SANDBOX_LOST, reason);

/** Of a Sandbox that waits for a change, with the one that it waits for. `pod`: its Pod, where that is known. */
export const notReady = (
  name: string,
  ready: { reason: string; message: string },
  pod: { pod?: string } = {},
): SandboxNotReady => new SandboxNotReady(name, ready, nextFor(ready.reason, { name, ...pod }).join('\n'));

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Resolves to it once it is Ready. Rejects with a SandboxError, or with the reason of `signal`. */
export async function waitUntilReady(
  { kube, kubeParts, namespace }: Session,
  name: string,
  { signal, onProgress, readyTimeoutMs = READY_MS }: WaitOptions = {},
): Promise<Sandbox> {
  const over = new AbortController();
  const done = Promise.withResolvers<Sandbox>();
  // It may fail while the first look is still on its way.
  done.promise.catch(() => {});
  let last = { reason: '', message: '' };
  let place: PodPlace = { name };
  const look = (sandbox: Sandbox): void => {
    const verdict = verdictOf(sandbox);
    place = placeOf(sandbox);
    if (verdict.kind === 'ready') return done.resolve(sandbox);
    if (verdict.kind === 'failed') return done.reject(verdict.error);
    const { reason, message } = verdict;
    if (reason !== last.reason || message !== last.message) onProgress?.({ reason, message });
    last = { reason, message };
  };
  const caches = new Caches({ ...kubeParts, log: silent });
  const cache = caches.watch(SandboxKind, { namespace, fieldSelector: `metadata.name=${name}` });
  cache.subscribe((change) => {
    if (change.type === 'deleted') done.reject(new SandboxNotFound(name));
    else look(change.object);
  });
  const stop = (): void => done.reject(signal?.reason as Error);
  signal?.addEventListener('abort', stop, { once: true });
  const cancel = kubeParts.clock.after(readyTimeoutMs, () => done.reject(notReady(name, last, place)));
  try {
    signal?.throwIfAborted();
    caches.start(over.signal);
    // A refusal is told at once; the watch, which begins meanwhile, tries again for ever.
    const first = await kube.get(SandboxKind, { namespace, name }).catch((error: unknown) => {
      if (!isForbidden(error)) throw error;
      throw new NotAllowed(name, { namespace, why: error.message });
    });
    if (!first) throw new SandboxNotFound(name);
    look(first);
    // Deleted since the first look, it is in no list and its end in no watch.
    void cache.whenSynced().then(() => {
      if (!cache.get({ namespace, name })) done.reject(new SandboxNotFound(name));
    });
    return await done.promise;
  } finally {
    over.abort();
    cancel();
    signal?.removeEventListener('abort', stop);
  }
}
