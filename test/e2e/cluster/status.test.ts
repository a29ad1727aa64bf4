import { expect } from 'chai';
import { isHealthy, table } from './status.ts';

describe('the status of the local cluster', () => {
  const well = { part: 'sb-registry', health: 'ok', where: '127.0.0.1:5000' };

  it('is healthy only when every part is', () => {
    expect(isHealthy([well])).to.equal(true);
    expect(isHealthy([well, { part: 'sb-s3', health: 'stopped', where: '' }])).to.equal(false);
  });

  it('prints one aligned line a part', () => {
    expect(table([well, { part: 'sb-worker', health: 'not ready', where: '' }])).to.equal(
      'sb-registry  ok         127.0.0.1:5000\nsb-worker    not ready',
    );
  });
});
