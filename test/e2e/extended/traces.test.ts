import { expect } from 'chai';
import { createHash } from 'node:crypto';
import type { Trial } from '../../../src/crds/trial.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { Collector, setOperator, type ReceivedSpan } from '../support/collector.ts';
import { killOperator, operatorIsWell } from '../support/faults.ts';
import { ownTrial } from '../support/stories.ts';
import { hold } from '../support/story.ts';
import { reward } from '../support/task.ts';

const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';

/** As docs/observe.md says it: ids are of the UID alone. */
const idOf = (text: string, characters: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, characters);

const nanosOf = (time: string | undefined): string => `${BigInt(Date.parse(time ?? '')) * 1_000_000n}`;

describe('the traces of Trials, at a collector', function () {
  this.timeout(300_000);
  const collector = new Collector();

  before(async () => {
    await collector.start();
    await setOperator(ENDPOINT, collector.url);
  });
  after(async () => {
    await setOperator(ENDPOINT);
    collector.stop();
  });

  const traceOf = async (name: string): Promise<ReceivedSpan[]> => {
    await eventuallyTrue(`the trace of ${name} arrives`, () => collector.ofTrial(name).length > 0, 60);
    return collector.ofTrial(name);
  };

  function expectTraceOf(trial: Trial, spans: ReceivedSpan[]): void {
    const { uid = '' } = trial.metadata;
    const { timings = {} } = trial.status ?? {};
    const phases = Object.keys(timings);
    expect(phases).to.include.members(['environmentSetup', 'agentExecution', 'verifier']);
    const parents = { queue: 'trial', 'attempt 1': 'trial' };
    const all: Record<string, string | undefined> = {
      trial: undefined,
      ...parents,
      ...Object.fromEntries(phases.map((phase) => [phase, 'attempt 1'])),
    };
    const spanId = (name: string): string => idOf(`${uid}/${name}`, 16);
    expect(
      spans.map(({ traceId, spanId: id, parentSpanId, name }) => [name, traceId, id, parentSpanId]),
    ).to.have.deep.members(
      Object.entries(all).map(([name, parent]) => [
        name,
        idOf(uid, 32),
        spanId(name),
        parent === undefined ? undefined : spanId(parent),
      ]),
    );
    const [root] = spans.filter(({ name }) => name === 'trial');
    expect(root?.startTimeUnixNano).to.equal(nanosOf(trial.metadata.creationTimestamp));
    expect(root?.attributes).to.deep.include({ key: 'sb.reward', value: { intValue: 1 } });
    const [agent] = spans.filter(({ name }) => name === 'agentExecution');
    expect(agent?.startTimeUnixNano).to.equal(nanosOf(timings.agentExecution?.startTime));
    for (const { startTimeUnixNano: from, endTimeUnixNano: to } of spans)
      expect([from, BigInt(from) <= BigInt(to)]).to.deep.equal([from, true]);
  }

  it('are one of each Trial, with a span of every phase, by ids of its UID, though every replica was killed meanwhile', async () => {
    const story = ownTrial('traced', { agent: hold('work'), tests: reward(1) });
    await story.reaches('work');
    await killOperator('every replica');
    await operatorIsWell();
    await story.release('work');
    const trial = await story.earns(1);
    expectTraceOf(trial, await traceOf('traced'));
    expect([...collector.services]).to.deep.equal(['sb-operator']);
  });

  it('say of one that failed what was wrong', async () => {
    const spec = { task: { name: 'e2e/none', configMap: { name: 'there-is-none' } } };
    await ownTrial('untraceable', { spec }).fails('TaskNotFound');
    const [root, ...others] = await traceOf('untraceable');
    expect(root).to.deep.include({ name: 'trial' });
    expect(root?.status).to.include({ code: 2 });
    expect(root?.status?.message).to.match(/^TaskNotFound: /);
    expect(others).to.deep.equal([]);
  });

  it('come once: the operators after that send none again of what had ended', async () => {
    const before = collector.ofTrial('traced').length;
    await killOperator('every replica');
    await operatorIsWell();
    const after = await ownTrial('traced-later', { tests: reward(1) }).earns(1);
    expectTraceOf(after, await traceOf('traced-later'));
    expect(collector.ofTrial('traced')).to.have.length(before);
  });

  it('are none without an endpoint', async () => {
    await setOperator(ENDPOINT);
    const { length } = collector.spans;
    await ownTrial('untraced').done();
    await ownTrial('untraced-too').done();
    expect(collector.spans).to.have.length(length);
  });
});
