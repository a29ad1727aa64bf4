import { expect } from 'chai';
import { ProviderError } from '../errors.ts';
import { awsError } from './errors.ts';
import { settling } from './settling.ts';

const answer = Object.assign(new Error('no'), {
  name: 'AccessDeniedException',
  $metadata: { httpStatusCode: 403 },
});

function setUp() {
  let now = 0;
  let error: unknown = awsError({ call: 'start' }, answer);
  const port = settling({ start: (): Promise<void> => Promise.reject(error) }, () => now);
  return {
    reason: () => port.start().catch((caught: unknown) => (caught as ProviderError).reason),
    pass: (ms: number) => void (now += ms),
    fails: (next: unknown) => void (error = next),
  };
}

describe('a refusal of AWS', () => {
  it('is no word to end a Trial on until it has lasted for two minutes', async () => {
    const { reason, pass } = setUp();
    expect(await reason()).to.equal('Unavailable');
    pass(119_999);
    expect(await reason()).to.equal('Unavailable');
    pass(1);
    expect(await reason()).to.equal('AccessDenied');
  });

  it('is another one for another call, and after a long while', async () => {
    const { reason, pass, fails } = setUp();
    await reason();
    pass(120_000);
    fails(awsError({ call: 'stop' }, answer));
    expect(await reason()).to.equal('Unavailable');
    pass(600_000);
    fails(awsError({ call: 'start' }, answer));
    expect(await reason()).to.equal('Unavailable');
  });

  it('by a registry that is not of AWS is believed at once, and so is every other failure', async () => {
    const { reason, fails } = setUp();
    for (const why of ['AccessDenied', 'Invalid'] as const) {
      fails(new ProviderError(why, why));
      expect(await reason()).to.equal(why);
    }
  });
});
