import { expect } from 'chai';
import { verdictOf } from '../../../src/crds/findings.ts';
import { custom, useTrialRuns } from '../../support/trial-scripts.ts';
import type { Wish } from '../../support/trial-assignment.ts';
import { filesFor, NOTHING, type Attack, type Earned } from './attack.ts';
import { ATTACKS } from './on-rewards.ts';

type Verifier = NonNullable<Wish['verifier']>;
const SHARED: Verifier = { disabled: false, mode: 'Shared' };
const SEPARATE: Verifier = { disabled: false, mode: 'Separate' };

for (const [title, attacks] of Object.entries(ATTACKS))
  describe(`an agent that attacks: ${title}`, function () {
    const make = useTrialRuns();

    const comesOf = async (attack: Attack, user: string, verifier: Verifier): Promise<Earned> => {
      const { 'agent.sh': script, ...files } = filesFor(attack);
      const run = await make({
        files,
        pod: { writable: attack.writable === true },
        assignment: { agent: custom(script, { user }), verifier },
      });
      const { result, findings } = await run.finish();
      expect(result.kind, JSON.stringify(result) + run.said()).to.equal('rewarded');
      const reward = result.kind === 'rewarded' ? result.reward : undefined;
      return { reward: reward === 1 ? 1 : 0, findings: findings.map(({ code }) => code) };
    };

    for (const attack of attacks) {
      const { what, user, root, separate = NOTHING } = attack;
      it(`${what}: as a user of its own`, async () => {
        expect(await comesOf(attack, 'agent', SHARED)).to.deep.equal(user);
      });

      it(`${what}: as root`, async () => {
        expect(await comesOf(attack, '0', SHARED)).to.deep.equal(root);
      });

      it(`${what}: before a separate verifier`, async () => {
        expect(await comesOf(attack, '0', SEPARATE)).to.deep.equal(separate);
      });

      it(`${what}: earns nothing with the verdict Clean`, () => {
        for (const { reward, findings } of [user, root, separate])
          if (reward === 1)
            expect(verdictOf(findings.map((code) => ({ code, message: '' })))).not.to.equal('Clean');
      });
    }
  });
