import { expect } from 'chai';
import {
  CONTROL_PLANE,
  moveDnsTo,
  operatorIsWell,
  withFrozenNode,
  withOnlyNode,
  WORKER,
} from './support/faults.ts';
import { hold } from './support/story.ts';
import { checkedManifest } from './support/stored.ts';
import { ownTrial } from './support/stories.ts';

describe('a node that is lost while the agent runs', function () {
  this.timeout(600_000);
  before(() => moveDnsTo(CONTROL_PLANE ?? ''));

  it('costs the attempt: the Trial is tried again on another node, and the first attempt is kept', async () => {
    const story = ownTrial('node-lost', { agent: hold('work') });
    await withOnlyNode(WORKER ?? '', async () => void (await story.reaches('work')));
    await withFrozenNode(WORKER ?? '', async () => {
      await story.until('a second attempt', ({ status }) => status?.attempts?.length === 2, 300);
      await story.reaches('work');
      await story.release('work');
      const done = await story.earns(1);
      const [first, second] = done.status?.attempts ?? [];
      expect(first).to.include({ number: 1, reason: 'NodeLost', nodeName: WORKER });
      expect(second).to.include({ number: 2, nodeName: CONTROL_PLANE });
    });
    await operatorIsWell(180);
    await checkedManifest(await story.earns(1));
  });

  it('that comes back does not change the reward', async () => {
    const story = ownTrial('node-back');
    await story.earns(1);
  });
});
