import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { Registry } from 'prom-client';
import { after as later, stampOf } from '../../../test/support/builders/objects.ts';
import { active, broken, rewarded } from '../../../test/support/builders/run-trials.ts';
import { eventuallyTrue } from '../../../test/support/eventually.ts';
import { fastClock, recordingLog } from '../../../test/support/kube.ts';
import type { Trial } from '../../crds/trial.ts';
import { traceExporter, type Traces } from './export.ts';
import { trialSpans, type Span } from './spans.ts';

const at = (from: number, to: number) => ({
  startTime: stampOf(later(from)),
  completionTime: stampOf(later(to)),
});

const trial = (name = 'a'): Trial =>
  rewarded(0.5, {
    name,
    endedAt: 60,
    status: {
      attempts: [
        { number: 1, jobName: 'a-1', ...at(5, 10), reason: 'NodeLost', message: 'gone' },
        { number: 2, jobName: 'a-2', nodeName: 'n1', ...at(20, 60) },
      ],
      timings: { environmentSetup: at(25, 26), agentExecution: at(26, 50), verifier: at(50, 58) },
    },
  });

const seconds = (nanos: string): number => (Number(BigInt(nanos) / 1_000_000n) - later(0).getTime()) / 1000;

describe('The trace of a Trial', () => {
  it('has a span for the Trial, its queue, its attempts and its phases, at the times of the object', () => {
    const spans = trialSpans(trial());
    const names = new Map(spans.map(({ spanId, name }) => [spanId, name]));
    const told = spans.map(({ name, parentSpanId = '', startTimeUnixNano, endTimeUnixNano }) => [
      names.get(parentSpanId),
      name,
      seconds(startTimeUnixNano),
      seconds(endTimeUnixNano),
    ]);
    expect(told).to.deep.equal([
      [undefined, 'trial', 0, 60],
      ['trial', 'queue', 0, 5],
      ['trial', 'attempt 1', 5, 10],
      ['trial', 'attempt 2', 20, 60],
      ['attempt 2', 'environmentSetup', 25, 26],
      ['attempt 2', 'agentExecution', 26, 50],
      ['attempt 2', 'verifier', 50, 58],
    ]);
    expect(spans.find(({ name }) => name === 'attempt 1')?.status).to.deep.equal({
      code: 2,
      message: 'NodeLost: gone',
    });
  });

  it('is the same whoever makes it, and another for another Trial', () => {
    expect(trialSpans(trial())).to.deep.equal(trialSpans(trial()));
    const ids = (name: string): string[] => trialSpans(trial(name)).map(({ traceId }) => traceId);
    expect(new Set([...ids('a'), ...ids('b')])).to.have.property('size', 2);
    for (const { traceId, spanId } of trialSpans(trial())) {
      expect(traceId).to.match(/^[0-9a-f]{32}$/);
      expect(spanId).to.match(/^[0-9a-f]{16}$/);
    }
  });

  it('says what a failure was, and of a reward what it is', () => {
    const [root] = trialSpans(broken('TaskNotFound', { message: 'no such task' }));
    expect(root?.status).to.deep.equal({ code: 2, message: 'TaskNotFound: no such task' });
    const [scored] = trialSpans(trial());
    expect(scored?.attributes).to.deep.include({ key: 'sb.reward', value: { doubleValue: 0.5 } });
    expect(scored).not.to.have.property('status');
  });

  it('stays within the Trial, whatever a courier says of its phases', () => {
    const lying = trial();
    const timings = {
      agentExecution: { startTime: '1001-01-01T00:00:00Z', completionTime: '9999-01-01T00:00:00Z' },
      verifier: { startTime: '9999-01-01T00:00:00Z', completionTime: '1001-01-01T00:00:00Z' },
      upload: { startTime: 'never', completionTime: 'never' },
    };
    const spans = trialSpans({ ...lying, status: { ...lying.status, timings } });
    const told = spans
      .slice(-2)
      .map((span) => [seconds(span.startTimeUnixNano), seconds(span.endTimeUnixNano)]);
    expect(told).to.deep.equal([
      [0, 60.999],
      [60.999, 60.999],
    ]);
  });

  it('has the last phases as long as they were, though the Trial ends at a whole second', () => {
    const short = trial();
    const verifier = { startTime: '2026-01-01T00:01:00.100Z', completionTime: '2026-01-01T00:01:00.600Z' };
    const spans = trialSpans({ ...short, status: { ...short.status, timings: { verifier } } });
    expect(spans.map(({ name, endTimeUnixNano }) => [name, seconds(endTimeUnixNano)])).to.deep.equal([
      ['trial', 60.6],
      ['queue', 5],
      ['attempt 1', 10],
      ['attempt 2', 60.6],
      ['verifier', 60.6],
    ]);
    expect(seconds(spans.at(-1)?.startTimeUnixNano ?? '')).to.equal(60.1);
  });

  it('is none of a Trial that has not ended', () => {
    expect(trialSpans(active('Running'))).to.deep.equal([]);
  });
});

interface Received {
  resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
}

describe('Traces on their way to a collector', () => {
  let collector: Server;
  let received: Received[];
  /** Statuses of the next answers; 200 after them. `never`: no answer. */
  let answers: (number | 'never')[];
  let traces: Traces;
  const metrics = new Registry();
  const log = recordingLog();

  before(async () => {
    collector = createServer((request, response) => {
      void json(request).then((body) => {
        const status = answers.shift() ?? 200;
        if (status === 200 && request.url === '/v1/traces') received.push(body as Received);
        if (status !== 'never') response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
      });
    }).listen(0, '127.0.0.1');
    await once(collector, 'listening');
    const { port } = collector.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}`;
    traces = traceExporter({ endpoint, version: '1.2.3', metrics, log, clock: fastClock(1000) });
  });
  beforeEach(() => {
    [received, answers] = [[], []];
    metrics.resetMetrics();
    log.lines.length = 0;
  });
  after(() => {
    collector.closeAllConnections();
    collector.close();
  });

  const count = async (result: string): Promise<number> => {
    const { values } = (await metrics.getSingleMetric('sb_trace_exports_total')?.get()) ?? { values: [] };
    return values.find(({ labels }) => labels['result'] === result)?.value ?? 0;
  };
  const counted = (result: string, many: number): Promise<void> =>
    eventuallyTrue(`${many} are ${result}`, async () => (await count(result)) === many, 20);

  it('arrive as OTLP over HTTP', async () => {
    traces.send(trial());
    await counted('sent', 1);
    const [{ resourceSpans }] = received as [Received];
    expect(resourceSpans[0]?.scopeSpans[0]?.spans).to.deep.equal(trialSpans(trial()));
  });

  it('are sent again where the collector fails for a while', async () => {
    answers = [503, 429, 500];
    traces.send(trial());
    await counted('sent', 1);
    expect(received).to.have.length(1);
  });

  it('are lost where it fails for long, which is said once and fails nothing', async () => {
    answers = [400, 400, 400, 400];
    traces.send(trial());
    await counted('lost', 1);
    expect(log.lines.map(({ message }) => message)).to.deep.equal(['traces are lost']);
    traces.send(trial('b'));
    await counted('sent', 1);
  });

  it('wait for a collector that does not answer in no more than 1,000, and nobody waits for them', async () => {
    answers = ['never'];
    const many = Array.from({ length: 1200 }, (_, index) => trial(`t${index}`));
    for (const one of many) traces.send(one);
    // The first is on its way.
    await counted('lost', 199);
    expect(received).to.deep.equal([]);
  });

  it('are given up when the operator stops, though the collector still does not answer', async () => {
    await traces.close();
    traces.send(trial());
    expect(await count('sent')).to.equal(0);
  });

  it('are refused by no one who is not there: the operator goes on', async () => {
    const lost = new Registry();
    const nobody = traceExporter({
      endpoint: 'http://127.0.0.1:1',
      version: '1.2.3',
      metrics: lost,
      log,
      clock: fastClock(1000),
    });
    nobody.send(trial());
    await eventuallyTrue(
      'it is lost',
      async () => (await lost.metrics()).includes('sb_trace_exports_total{result="lost"} 1'),
      20,
    );
    await nobody.close();
  });
});
