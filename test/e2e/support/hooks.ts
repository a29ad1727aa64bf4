/** Mocha's root hooks of the stories. */
import type { Context, RootHookObject } from 'mocha';
import { needCluster } from '../../support/cluster.ts';
import { diagnose } from './diagnose.ts';
import { Invariants } from './invariants.ts';
import { startStories } from './stories.ts';
import { touched } from './story.ts';
import { openWorld, world } from './world.ts';

let invariants: Invariants | undefined;
let told = 0;

/** Breaches seen so far. */
export const breaches = (): string[] => invariants?.breaches ?? [];

/** Hooks for a run of stories; `waves`: start the registered Trials at once, else each when its test asks for it. */
export const storyHooks = (waves: boolean): RootHookObject => ({
  async beforeAll(this: Context) {
    this.timeout(120_000);
    await needCluster(this);
    invariants = new Invariants(await openWorld());
    if (waves) startStories();
  },
  beforeEach() {
    touched.clear();
  },
  async afterEach(this: Context) {
    this.timeout(60_000);
    if (this.currentTest?.state === 'failed')
      for (const story of touched) process.stdout.write(`\n${await diagnose(story.key)}`);
    // A failing root hook would end the run; the last file's tests fail of these.
    for (const breach of breaches().slice(told)) process.stdout.write(`\na promise was broken: ${breach}\n`);
    told = breaches().length;
  },
  async afterAll(this: Context) {
    this.timeout(60_000);
    if (invariants) await world().close();
  },
});

/** An interrupted run takes its namespaces with it. */
export function interruptible(): void {
  const leave = (): void => {
    process.off('SIGINT', leave).off('SIGTERM', leave);
    const closed = invariants ? world().close() : Promise.resolve();
    void closed.catch(() => {}).then(() => process.exit(130));
  };
  process.on('SIGINT', leave).on('SIGTERM', leave);
}
