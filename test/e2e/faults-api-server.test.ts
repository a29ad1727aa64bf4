import { expect } from 'chai';
import type { Said } from '../support/cluster.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { apiServerAnswers, killApiServer, operatorIsWell } from './support/faults.ts';
import { SbRuns } from './support/sb-runs.ts';
import { says } from './support/sb.ts';
import { hold } from './support/story.ts';
import { ownTrial } from './support/stories.ts';

describe('an API server that restarts while Trials run and sb submits', function () {
  this.timeout(300_000);
  const held = ['one', 'two'].map((name) => ownTrial(`restart-${name}`, { agent: hold('work') }));
  const free = ['three', 'four'].map((name) => ownTrial(`restart-${name}`, { agent: 'sleep 3' }));
  const later = ownTrial('restart-after');
  let runs: SbRuns;
  let followed: Promise<Said>;
  let submitted: Promise<Said>;

  before(async () => {
    runs = await SbRuns.open();
    const following = await runs.begin(runs.named('restart-followed'), [15, 15]);
    followed = following.end;
    await Promise.all([says(following, ' running'), ...held.map((story) => story.reaches('work'))]);
    await Promise.all(free.map((story) => story.start()));
    const { api, config } = runs.fronts;
    let down: Promise<void> | undefined;
    api.fault = async (line) => {
      // The first Trial that it creates waits until there is nobody to create it.
      if (/^PATCH .*\/trials\//.test(line)) await (down ??= killApiServer());
      return undefined;
    };
    submitted = (await runs.begin(runs.named('restart-submitted'), [1, 1, 1], config)).end;
    await eventuallyTrue('sb creates a Trial', () => down !== undefined);
    await down;
    await apiServerAnswers();
    await later.start();
  });
  after(() => runs?.close());

  it('loses none of them, and starts nothing twice', async () => {
    await Promise.all(held.map((story) => story.release('work')));
    await Promise.all([...held, ...free, later].map((story) => story.earnsAtOnce(1)));
    await operatorIsWell();
  });

  it('does not end sb, which goes on where it submits and where it follows', async () => {
    const said = await submitted;
    await runs.isWhole(runs.named('restart-followed'), 2, await followed);
    await runs.isWhole(runs.named('restart-submitted'), 3, said);
    expect(said.stderr).to.include('the API server does not answer, trying again');
  });
});
