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
    await Promise.all([...held, ...free, after].map((story) => story.earnsAtOnce(1)));
    await operatorIsWell();
  });
});
