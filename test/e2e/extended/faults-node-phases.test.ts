import { expect } from 'chai';
import {
  CONTROL_PLANE,
  moveDnsTo,
  operatorIsWell,
  withFrozenNode,
  withOnlyNode,
  WORKER,
} from '../support/faults.ts';
import { inEveryPhaseOfPods } from '../support/phases.ts';
import { checkedManifest } from '../support/stored.ts';
import { ownTrial } from '../support/stories.ts';

describe('a node that is lost while Trials run', function () {
  this.timeout(600_000);
  before(() => moveDnsTo(CONTROL_PLANE ?? ''));

  it('costs the attempt in every phase: each Trial is tried again on another node, and the first attempt is kept', async () => {
    const trials = inEveryPhaseOfPods('node-lost');
    const lost = [...trials.held, trials.uploading];
    await withOnlyNode(WORKER ?? '', async () => void (await trials.arrive()));
    await withFrozenNode(WORKER ?? '', async () => {
      await trials.arriveAgain();
      await trials.release();
      for (const story of lost) {
        const { status } = await story.earns(1);
        const [first, second] = status?.attempts ?? [];
        expect(first, story.name).to.include({ number: 1, reason: 'NodeLost', nodeName: WORKER });
        expect(second, story.name).to.include({ number: 2, nodeName: CONTROL_PLANE });
      }
      await trials.fresh.earns(1);
    });
    await operatorIsWell(180);
    // The node has gone on with what it was doing when it was lost: storing files, for one.
    await Promise.all([...lost, trials.fresh].map(async (story) => checkedManifest(await story.earns(1))));
  });

  it('that comes back does not change the reward', async () => {
    const story = ownTrial('node-back');
    await story.earns(1);
  });
});
