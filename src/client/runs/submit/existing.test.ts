import { expect } from 'chai';
import { specDifferences } from './existing.ts';

/** As the API server stores `WANTED`. */
const STORED = {
  task: { name: 'a', dataset: 'local', s3: { uri: 's3://b/k/' } },
  environment: {
    image: 'debian',
    resources: { requests: { cpu: '2' } },
    network: { enforcement: 'BestEffort' },
  },
  agent: { name: 'oracle', setupTimeoutSeconds: 360 },
  verifier: { disabled: false },
  maxAttempts: 3,
  backoffSeconds: 10,
  startTimeoutSeconds: 1800,
  suspend: false,
  cancel: false,
  uploadResults: true,
};
const WANTED = {
  task: { name: 'a', dataset: 'local', s3: { uri: 's3://b/k/' } },
  environment: { image: 'debian', resources: { requests: { cpu: '2' } } },
  agent: { name: 'oracle' },
  verifier: {},
};

describe('Two specs of a Trial', () => {
  it('are the same once the API’s defaults are filled in', () => {
    expect(specDifferences(WANTED, STORED)).to.deep.equal([]);
    expect(specDifferences(WANTED, WANTED)).to.deep.equal([]);
  });

  it('are the same whatever was changed that may be changed, and whatever a newer API adds', () => {
    const changed = {
      ...STORED,
      cancel: true,
      suspend: true,
      ttlSecondsAfterFinished: 5,
      novelty: { on: true },
    };
    expect(specDifferences(WANTED, changed)).to.deep.equal([]);
  });

  it('differ in the fields that differ, down to the smallest', () => {
    const other = { ...STORED, agent: { ...STORED.agent, timeoutSeconds: 5 }, maxAttempts: 1 };
    expect(specDifferences(WANTED, other)).to.deep.equal(['agent.timeoutSeconds', 'maxAttempts']);
    const silent = { image: 'debian' };
    expect(specDifferences({ ...WANTED, environment: silent }, STORED)).to.deep.equal([
      'environment.resources.requests.cpu',
    ]);
    const environment = { ...WANTED.environment, resources: { requests: { cpu: '1' } } };
    expect(specDifferences({ ...WANTED, environment }, STORED)).to.deep.equal([
      'environment.resources.requests.cpu',
    ]);
  });
});
