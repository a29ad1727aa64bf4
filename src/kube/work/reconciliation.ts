import { AsyncLocalStorage } from 'node:async_hooks';
import type { Kind, KubeObject } from '../types.ts';

/** The reconcile that the running code belongs to. Clients look here, so that reconciles need not pass it along. */
export interface Reconciliation {
  /** Fires at the deadline, on stop and when leadership is lost. */
  signal: AbortSignal;
  /** False once another replica may be leader: from then on nothing is written in this reconcile's name. */
  mayWrite(): boolean;
  /** Told of every object the reconcile has written, as the server returned it. */
  wrote(kind: Kind<KubeObject>, object: KubeObject): void;
}

const running = new AsyncLocalStorage<Reconciliation>();

export function currentReconciliation(): Reconciliation | undefined {
  return running.getStore();
}

export function runReconciliation<T>(reconciliation: Reconciliation, work: () => Promise<T>): Promise<T> {
  return running.run(reconciliation, work);
}

/** Runs `work` in nobody's name: for what a reconcile sets off but does not wait for. */
export function outsideReconciliation<T>(work: () => T): T {
  return running.exit(work);
}
