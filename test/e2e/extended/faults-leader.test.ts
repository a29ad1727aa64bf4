import { setTimeout as sleep } from 'node:timers/promises';
import { killOperator, operatorIsWell } from '../support/faults.ts';
import { allEarn } from '../support/phases.ts';
import { ownTrial } from '../support/stories.ts';
import { reward } from '../support/task.ts';

describe('the leader of the operator', () => {
  it('may be killed again and again while Trials begin and end', async () => {
    const stories = Array.from({ length: 6 }, (_, index) =>
      ownTrial(`shot-${index}`, { agent: `sleep ${1 + index}`, tests: `sleep 1; ${reward(1)}` }),
    );
    for (const pair of [stories.slice(0, 2), stories.slice(2, 4), stories.slice(4)]) {
      await Promise.all(pair.map((story) => story.start()));
      await sleep(1500);
      await killOperator('the leader');
    }
    await allEarn(stories);
    await operatorIsWell();
  });
});
