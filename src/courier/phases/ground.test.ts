import { expect } from 'chai';
import { VerifierObstructed } from '../failure.ts';
import { doubtsOf, without } from './ground.ts';

const command = {
  argv: ['/tests/test.sh'],
  user: 'judge',
  workdir: '/app',
  env: {},
  interpreter: '/bin/bash',
};

describe('the doubts about a verdict', () => {
  it('are none without an agent, and none where it was another user that left nothing running', () => {
    expect(doubtsOf({ agentUid: undefined, owner: 0, background: 0 })).to.deep.equal([]);
    expect(doubtsOf({ agentUid: 1000, owner: 0, background: 0 })).to.deep.equal([]);
  });

  it('name root before the same user, and count what ran on', () => {
    expect(doubtsOf({ agentUid: 0, owner: 0, background: 2 })).to.deep.equal([
      'the agent was root beside a shared verifier: whether it interfered cannot be told',
      '2 processes of the agent ran on beside the verifier',
    ]);
    expect(doubtsOf({ agentUid: 7, owner: 7, background: 1 })).to.deep.equal([
      'the agent was the verifier’s own user: whether it interfered cannot be told',
      '1 process of the agent ran on beside the verifier',
    ]);
  });
});

describe('a verifier’s command without what the agent removed', () => {
  it('runs in / and by another shell', () => {
    expect(without(command, 'workdir').workdir).to.equal('/');
    const other = without(command, 'interpreter');
    expect(other.shell).to.equal(true);
    expect(other).not.to.have.any.keys('interpreter');
  });

  it('is none where nothing stands in', () => {
    for (const interpreter of ['/usr/bin/python3', '/opt/crash/run', '/usr/bin/env'])
      expect(() => without({ ...command, interpreter }, 'interpreter')).to.throw(
        VerifierObstructed,
        interpreter,
      );
    expect(() => without(command, 'user')).to.throw(VerifierObstructed, "the verifier's user judge is gone");
  });
});
