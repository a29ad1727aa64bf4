import { expect } from 'chai';
import { rateOf, requestedOf } from './prices.ts';

const container = (cpu: string, more: object = {}) => ({
  name: 'c',
  resources: { requests: { cpu } },
  ...more,
});

describe('what a Pod costs', () => {
  it('is what containers and sidecars ask for together', () => {
    const pod = {
      initContainers: [container('100m', { restartPolicy: 'Always' })],
      containers: [container('500m'), container('1')],
    };
    expect(requestedOf(pod, 'cpu')).to.be.closeTo(1.6, 1e-9);
  });

  it('is what runs before them, where that asks for more, with the sidecars that run by then', () => {
    const sidecar = container('1', { restartPolicy: 'Always' });
    expect(
      requestedOf({ initContainers: [sidecar, container('3')], containers: [container('2')] }, 'cpu'),
    ).to.equal(4);
    expect(
      requestedOf({ initContainers: [container('3'), sidecar], containers: [container('1')] }, 'cpu'),
    ).to.equal(3);
  });

  it('counts memory in GiB, a limit without a request, and every GPU', () => {
    const resources = { limits: { memory: '2Gi', 'nvidia.com/gpu': '4' } };
    const pod = { containers: [{ name: 'c', resources }] };
    expect(rateOf(pod, { memory: 0.5, 'nvidia.com/gpu': 1 })).to.equal(5_000_000);
  });

  it('is not nothing where nobody can read the amount', () => {
    expect(rateOf({ containers: [container('64000000000n')] }, { cpu: 1 })).to.be.greaterThan(64_000_000);
  });
});
