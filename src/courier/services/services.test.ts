import { expect } from 'chai';
import { isToRestart, soon } from './services.ts';

describe('a service that has ended', () => {
  const cases: [when: Parameters<typeof isToRestart>[0], code: number, starts: number, again: boolean][] = [
    [{ when: 'never' }, 1, 1, false],
    [{ when: 'always' }, 0, 99, true],
    [{ when: 'failed' }, 0, 1, false],
    [{ when: 'failed' }, 1, 99, true],
    [{ when: 'failed', tries: 2 }, 1, 2, true],
    [{ when: 'failed', tries: 2 }, 1, 3, false],
  ];
  for (const [restart, code, starts, again] of cases)
    it(`${again ? 'begins again' : 'is at rest'}: ${JSON.stringify(restart)}, exit code ${code}, start ${starts}`, () => {
      expect(isToRestart(restart, code, starts)).to.equal(again);
    });
});

describe('the healthcheck of a service', () => {
  const probe = {
    probe: { argv: ['true'], user: '0', workdir: '/', env: {} },
    intervalSeconds: 30,
    timeoutSeconds: 30,
    startPeriodSeconds: 0,
    startIntervalSeconds: 5,
    retries: 3,
  };

  it('is tried before Docker tries it, but no failure counts before', () => {
    expect(soon(probe)).to.deep.include({ startPeriodSeconds: 30, startIntervalSeconds: 5 });
    expect(soon({ ...probe, intervalSeconds: 1, startPeriodSeconds: 10 })).to.deep.include({
      startPeriodSeconds: 10,
      startIntervalSeconds: 1,
    });
  });
});
