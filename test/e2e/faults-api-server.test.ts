import { expect } from 'chai';
import { operatorIsWell, restartApiServer } from './support/faults.ts';
import { hold } from './support/story.ts';
import { ownTrial } from './support/stories.ts';

describe('an API server that restarts while Trials run', () => {
  it('loses none of them, and starts nothing twice', async () => {
    const held = ['one', 'two'].map((name) => ownTrial(`restart-${name}`, { agent: hold('work') }));
    const free = ['three', 'four'].map((name) => ownTrial(`restart-${name}`, { agent: 'sleep 3' }));
    await Promise.all(held.map((story) => story.reaches('work')));
    await Promise.all(free.map((story) => story.start()));
    await restartApiServer();
    const after = ownTrial('restart-after');
    await after.start();
    await Promise.all(held.map((story) => story.release('work')));
    for (const story of [...held, ...free, after]) {
      const done = await story.earns(1);
      expect(done.status?.attempts, story.name).to.have.lengthOf(1);
      expect(story.jobs, story.name).to.have.lengthOf(1);
    }
    await operatorIsWell();
  });
});
