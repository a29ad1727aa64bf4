import { expect } from 'chai';
import { amountOf, refusals } from './refusals.ts';
import { TrialSpec } from './trial.ts';

const spec = (requests: Record<string, string>, limits: Record<string, string> = {}) => ({
  task: { name: 'x', s3: { uri: 's3://b/tasks/x' } },
  environment: { image: 'x', resources: { requests, limits } },
});

describe('What the API server would refuse', () => {
  it('is a request beyond its limit', () => {
    expect(refusals(TrialSpec, spec({ memory: '2Gi' }, { memory: '2048Mi' }))).to.deep.equal([]);
    expect(
      refusals(TrialSpec, spec({ 'ephemeral-storage': '17Gi' }, { 'ephemeral-storage': '16Gi' })),
    ).to.deep.equal([
      {
        path: ['environment', 'resources', 'requests', 'ephemeral-storage'],
        message: 'is 17Gi; expected at most the limit, 16Gi',
      },
    ]);
    expect(refusals(TrialSpec, spec({ 'ephemeral-storage': '17Gi' }))).to.deep.equal([]);
  });

  it('is told with what is there and what is expected, and nothing of it twice', () => {
    const found = refusals(TrialSpec, {
      ...spec({ cpu: 'two' }),
      scheduling: { nodeSelector: { a: 'x'.repeat(64) }, tolerations: [{ operator: 'Is' }] },
      maxAttempts: 11,
    });
    expect(found.map(({ path, message }) => `${path.join('.')} ${message}`)).to.deep.equal([
      'environment.resources.requests.cpu is "two"; write cores as a number or in thousandths, such as 2, \'0.5\' or 500m',
      'maxAttempts is 11; expected at most 10',
      'scheduling.nodeSelector.a has 64 characters; expected at most 63',
      'scheduling.tolerations.0.operator is "Is"; expected one of Exists, Equal',
    ]);
  });

  it('compares amounts in their units', () => {
    expect(['500m', '2', '1k', '1Ki', '1.5Gi', '2T', '1e8', '3Pi', '2E', 4].map(amountOf)).to.deep.equal([
      0.5,
      2,
      1000,
      1024,
      1.5 * 2 ** 30,
      2e12,
      1e8,
      3 * 2 ** 50,
      2e18,
      4,
    ]);
    expect(amountOf('much')).to.deep.equal(NaN);
  });
});
