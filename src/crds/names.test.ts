import { expect } from 'chai';
import fc from 'fast-check';
import { jobName, sandboxJobName } from './names.ts';

describe('the name of a Job', () => {
  const called = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,80}[a-z0-9])?$/);
  const numbered = fc.integer({ min: 1, max: 999_999_999 });

  it('is no Sandbox’s where it is a Trial’s, whatever the two are called', () => {
    fc.assert(
      fc.property(fc.tuple(called, numbered), (one) => {
        expect(sandboxJobName(...one)).to.match(/-s\d+$/);
        expect(jobName(...one)).not.to.match(/-s\d+$/);
      }),
    );
  });

  it('leaves those of its Pods as much room of a Sandbox as of a Trial', () => {
    const name = 'x'.repeat(200);
    expect(sandboxJobName(name, 1)).to.have.length(jobName(name, 1).length);
  });
});
