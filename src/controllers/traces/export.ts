/** Sends traces to a collector, beside everything else: nobody waits for it, and nothing fails with it. */
import type { Registry } from 'prom-client';
import { sleep, systemClock, type Clock } from '../../async/clock.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Log } from '../../kube/types.ts';
import { counter } from '../../metrics/table.ts';
import { trialSpans, type Span } from './spans.ts';

export interface TraceOptions {
  /** Of OTLP over HTTP: `/v1/traces` is put behind it. */
  endpoint: string;
  /** Version of the operator. */
  version: string;
  metrics: Registry;
  log: Pick<Log, 'warn'>;
  clock?: Clock;
}

export interface Traces {
  /** Takes the trace of a Trial that has ended, to be sent soon. Returns at once and never throws. */
  send(trial: Trial): void;
  /** Resolves once nothing is under way any more; what was not sent is lost. */
  close(): Promise<void>;
}

/** A collector that is away for longer loses traces: results are elsewhere. */
const WAITING_MAX = 1000;
const BATCH = 50;
const TIMEOUT_MS = 10_000;
/** After a failure. */
const PAUSES_MS = [1000, 5000, 30_000];

/** Sends what it is given, so many Trials at a time. */
export function traceExporter(options: TraceOptions): Traces {
  const { endpoint, version, metrics, log, clock = systemClock } = options;
  const exported = counter(metrics, 'sb_trace_exports_total');
  for (const result of ['sent', 'lost']) exported.inc({ result }, 0);
  const waiting: Span[][] = [];
  const closing = new AbortController();
  const { signal } = closing;
  let working: Promise<void> | undefined;

  async function post(batch: Span[][]): Promise<void> {
    const response = await fetch(`${endpoint}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(requestOf(batch.flat(), version)),
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    // Its answer says nothing that we need.
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the collector answers ${response.status}`);
  }

  /** One batch, several times where it fails. */
  async function deliver(batch: Span[][]): Promise<void> {
    for (const pauseMs of [...PAUSES_MS, undefined]) {
      if (signal.aborted) return;
      try {
        await post(batch);
        exported.inc({ result: 'sent' }, batch.length);
        return;
      } catch (error) {
        if (pauseMs === undefined) log.warn({ err: error, traces: batch.length }, 'traces are lost');
        else await sleep(clock, pauseMs, signal);
      }
    }
    exported.inc({ result: 'lost' }, batch.length);
  }

  async function work(): Promise<void> {
    while (waiting.length > 0 && !signal.aborted) await deliver(waiting.splice(0, BATCH));
    working = undefined;
  }

  return {
    send(trial) {
      if (signal.aborted) return;
      if (waiting.length >= WAITING_MAX) return exported.inc({ result: 'lost' });
      const spans = trialSpans(trial);
      if (spans.length === 0) return;
      waiting.push(spans);
      working ??= work();
    },
    async close() {
      closing.abort();
      await working;
    },
  };
}

const requestOf = (spans: Span[], version: string) => ({
  resourceSpans: [
    {
      resource: {
        attributes: [
          { key: 'service.name', value: { stringValue: 'sb-operator' } },
          { key: 'service.version', value: { stringValue: version } },
        ],
      },
      scopeSpans: [{ scope: { name: 'sb-operator', version }, spans }],
    },
  ],
});
