import { expect } from 'chai';
import { inRun, RUN } from '../../../test/support/builders/run-trials.ts';
import { testCluster, type TestCluster } from '../../../test/support/client/cluster.ts';

describe('Names from the cluster', () => {
  let cluster: TestCluster;
  beforeEach(async () => void (cluster = await testCluster()));
  afterEach(() => cluster.close());

  it('are all there in a large namespace', async () => {
    cluster.have(
      ...Array.from({ length: 1200 }, (_, at) => inRun({ name: `t-${String(at).padStart(4, '0')}` })),
    );
    expect(await cluster.complete('trial', 'show', 't-119')).to.deep.equal(
      Array.from({ length: 10 }, (_, at) => `t-119${at}`),
    );
    expect(await cluster.complete('run', 'show', '')).to.deep.equal(['@latest', RUN]);
  });
});
