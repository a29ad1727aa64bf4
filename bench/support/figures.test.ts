import { expect } from 'chai';
import { atMost } from './bench.ts';
import { ms, percentile, summary } from './figures.ts';
import { difference, parseMetrics } from './metrics.ts';

describe('the figures of a measurement', () => {
  it('are percentiles by nearest rank', () => {
    const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentile(samples, 0.5)).to.equal(50);
    expect(percentile(samples, 0.99)).to.equal(99);
    expect(summary([3, 1, 2])).to.deep.equal({ n: 3, min: 1, p50: 2, p99: 3, max: 3 });
  });

  it('are no number where there was no sample', () => {
    expect(percentile([], 0.5)).to.be.NaN;
    expect(atMost('latency', NaN, { is: 1, say: ms }).met).to.equal(false);
  });

  it('meet a limit that they reach', () => {
    expect(atMost('latency', 50, { is: 50, say: ms })).to.deep.equal({
      name: 'latency',
      value: '50 ms',
      target: '≤ 50 ms',
      met: true,
    });
  });
});

describe('a metrics page', () => {
  const page = [
    '# TYPE apiserver_request_total counter',
    'apiserver_request_total{code="201",resource="jobs",verb="POST",note="a \\"b\\", {c}"} 4',
    'process_resident_memory_bytes 1.2e+08',
    '',
  ].join('\n');

  it('is read sample by sample', () => {
    const [counter, gauge] = parseMetrics(page);
    expect(counter?.labels).to.include({ code: '201', resource: 'jobs', verb: 'POST' });
    expect(counter?.value).to.equal(4);
    expect(gauge).to.deep.equal({ name: 'process_resident_memory_bytes', labels: {}, value: 120_000_000 });
  });

  it('is compared with an earlier one by what has changed', () => {
    expect(difference({ a: 3, b: 2, c: 1 }, { a: 1, b: 2 })).to.deep.equal({ a: 2, c: 1 });
  });
});
