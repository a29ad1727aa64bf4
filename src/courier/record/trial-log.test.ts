import { expect } from 'chai';
import { trialLog } from './trial-log.ts';

describe('trialLog', () => {
  it('prints and keeps lines without secrets and without what makes a URL work', () => {
    let written = '';
    const log = trialLog({
      now: () => new Date(0),
      write: (line) => (written += line),
      secrets: ['hunter2!', 'on'],
    });
    log.note('PUT https://s3/x?X-Amz-Signature=abc failed for hunter2!, going on');
    expect(written).to.equal('1970-01-01T00:00:00.000Z PUT https://s3/x?… failed for ***, going on\n');
    expect(log.text()).to.equal(written);
  });
});
