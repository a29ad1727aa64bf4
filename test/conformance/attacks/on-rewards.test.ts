import { expect } from 'chai';
import { verdictOf } from '../../../src/crds/findings.ts';
import { needTaskPods } from '../../support/task-pod.ts';
import { makeTrialRun } from '../../support/trial-run.ts';
import { custom } from '../../support/trial-scripts.ts';
import type { Wish } from '../../support/trial-assignment.ts';
import { filesFor, NOTHING, type Attack, type Earned } from './attack.ts';
import { ATTACKS } from './on-rewards.ts';

type Verifier = NonNullable<Wish['verifier']>;
const SHARED: Verifier = { disabled: false, mode: 'Shared' };
const SEPARATE: Verifier = { disabled: false, mode: 'Separate' };

const WAYS = {
  'as a user of its own': { user: 'agent', verifier: SHARED },
  'as root': { user: '0', verifier: SHARED },
  'before a separate verifier': { user: '0', verifier: SEPARATE },
};
type Way = keyof typeof WAYS;

async function comesOf(attack: Attack, way: Way): Promise<Earned> {
  const { user, verifier } = WAYS[way];
  const { 'agent.sh': script, ...files } = filesFor(attack);
  const run = await makeTrialRun({
    files,
    pod: { writable: attack.writable === true },
    assignment: { agent: custom(script, { user }), verifier },
  });
  try {
    const { result, findings } = await run.finish();
    expect(result.kind, JSON.stringify(result) + run.said()).to.equal('rewarded');
    const reward = result.kind === 'rewarded' ? result.reward : undefined;
    return { reward: reward === 1 ? 1 : 0, findings: findings.map(({ code }) => code) };
  } finally {
    await run.remove();
  }
}

/** All ways beside each other, since most of each is waiting; but one at a time may hold a port. */
function comings(attack: Attack): (way: Way) => Promise<Earned> {
  const begun = new Map<Way, Promise<Earned>>();
  const begin = (way: Way): Promise<Earned> => {
    const coming = begun.get(way) ?? comesOf(attack, way);
    begun.set(way, coming);
    coming.catch(() => {});
    return coming;
  };
  return (way) => {
    if (attack.alone !== true) for (const other of Object.keys(WAYS) as Way[]) void begin(other);
    return begin(way);
  };
}

for (const [title, attacks] of Object.entries(ATTACKS))
  describe(`an agent that attacks: ${title}`, function () {
    before(function () {
      needTaskPods(this);
    });

    for (const attack of attacks) {
      const { what, user, root, separate = NOTHING } = attack;
      const coming = comings(attack);
      const expected: Record<Way, Earned> = {
        'as a user of its own': user,
        'as root': root,
        'before a separate verifier': separate,
      };
      for (const [way, earned] of Object.entries(expected) as [Way, Earned][])
        it(`${what}: ${way}`, async () => {
          expect(await coming(way)).to.deep.equal(earned);
        });

      it(`${what}: earns nothing with the verdict Clean`, () => {
        for (const { reward, findings } of Object.values(expected))
          if (reward === 1)
            expect(verdictOf(findings.map((code) => ({ code, message: '' })))).not.to.equal('Clean');
      });
    }
  });
