import { expect } from 'chai';
import { judgeWays } from './sandboxes.ts';

describe('The way to Sandboxes, for sb doctor', () => {
  it('is the first that leads to the broker, with why those before it do not', () => {
    expect(judgeWays([{ way: 'url' }, { way: 'api-server' }], 'a')).to.deep.equal([
      { state: 'fine', what: 'Sandboxes are reached through the configured URL' },
    ]);
    const [found, ...others] = judgeWays(
      [
        { way: 'url', why: 'connect ECONNREFUSED' },
        { way: 'api-server', why: 'it passes no client certificate on' },
        { way: 'port-forward', refused: { status: 404, message: 'there is none' } },
      ],
      'a',
    );
    expect(others).to.deep.equal([]);
    expect(found).to.deep.equal({
      state: 'fine',
      what: 'Sandboxes are reached through a port-forward to a Pod of the operator',
      why: 'the configured URL: connect ECONNREFUSED; the API server’s proxy: it passes no client certificate on',
    });
  });

  it('is of no use to who may not use Sandboxes', () => {
    const refused = { status: 403, message: 'you may not create sandboxes/exec' };
    const [way, right] = judgeWays([{ way: 'service', refused }], 'agents');
    expect(way?.state).to.equal('fine');
    expect(right).to.include({ state: 'warning', why: 'you may not create sandboxes/exec' });
    expect(right?.fix).to.include('-n agents');
  });

  it('is none where none leads there, which is no problem of Trials', () => {
    const [none, ...others] = judgeWays(
      [
        { way: 'api-server', why: '403' },
        { way: 'port-forward', why: 'no Pod' },
      ],
      'a',
    );
    expect(others).to.deep.equal([]);
    expect(none).to.include({
      state: 'warning',
      why: 'the API server’s proxy: 403; a port-forward to a Pod of the operator: no Pod',
    });
  });
});
