import { expect } from 'chai';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { TestCluster } from '../../../test/support/broker/cluster.ts';
import { ConfigMap } from '../../kube/kinds.ts';
import { keepPublished } from './published.ts';

const key = { namespace: 'sb-system', name: 'sb-broker-ca' };

describe('The published CA of the broker', () => {
  let cluster: TestCluster;
  let clock: ManualClock;
  let ca: string;
  let warnings: number;
  let stop: () => Promise<void>;

  const keep = (): (() => Promise<void>) => {
    const stopping = new AbortController();
    const log = { info: () => undefined, warn: () => void (warnings += 1) };
    const kept = keepPublished({ kube: cluster.kube, ...key, ca: () => ca, log }, stopping.signal, clock);
    return async () => {
      stopping.abort();
      await kept;
    };
  };
  const found = (): ConfigMap => cluster.found(ConfigMap, key) ?? expect.fail('no ConfigMap');
  const writes = (): string[] =>
    cluster.calls
      .splice(0)
      .filter((call) => !call.startsWith('get'))
      .map((call) => call.split(' ')[0] ?? '');

  beforeEach(async () => {
    cluster = new TestCluster();
    clock = new ManualClock();
    ca = 'one';
    warnings = 0;
    stop = keep();
    await clock.advance(0);
  });
  afterEach(() => stop());

  it('is there at once, and not written again while it is right', async () => {
    expect(found().data).to.deep.equal({ 'ca.crt': 'one' });
    await clock.advance(60_000);
    expect(writes()).to.deep.equal(['create']);
  });

  it('follows the CA', async () => {
    ca = 'two';
    await clock.advance(10_000);
    expect(found().data).to.deep.equal({ 'ca.crt': 'two' });
    expect(writes()).to.deep.equal(['create', 'replace']);
  });

  it('is put right where somebody changes or deletes it', async () => {
    cluster.put(ConfigMap, { ...found(), data: { 'ca.crt': 'of somebody else', more: 'x' } });
    await clock.advance(10_000);
    expect(found().data).to.deep.equal({ 'ca.crt': 'one' });
    cluster.remove(ConfigMap, key);
    await clock.advance(10_000);
    expect(found().data).to.deep.equal({ 'ca.crt': 'one' });
  });

  it('is written once by two replicas that start at the same time', async () => {
    await stop();
    cluster = new TestCluster();
    cluster.beforeWrite = () => {
      cluster.beforeWrite = () => undefined;
      cluster.put(ConfigMap, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { ...key },
        data: { 'ca.crt': 'one' },
      });
    };
    stop = keep();
    await clock.advance(20_000);
    expect(writes()).to.deep.equal(['create']);
    expect(warnings).to.equal(0);
  });

  it('waits for an API server that does not answer', async () => {
    cluster.down = true;
    ca = 'two';
    await clock.advance(10_000);
    expect(warnings).to.equal(1);
    cluster.down = false;
    await clock.advance(10_000);
    expect(found().data).to.deep.equal({ 'ca.crt': 'two' });
  });
});
