/** Mocha's root hooks of the stories, and what the process that leads a run does around them. */
import type { Context, RootHookObject } from 'mocha';
import { needCluster } from '../../support/cluster.ts';
import { diagnose } from './diagnose.ts';
import { Invariants } from './invariants.ts';
import { startStories } from './stories.ts';
import { touched } from './story.ts';
import { openWorld, world } from './world.ts';

/** `width`: how many of the registered Trials run at once; 0: each starts when its test asks for it. */
export const storyHooks = (width: number): RootHookObject => ({
  async beforeAll(this: Context) {
    this.timeout(120_000);
    await needCluster(this);
    await openWorld();
    startStories(width);
  },
  beforeEach() {
    touched.clear();
  },
  async afterEach(this: Context) {
    this.timeout(60_000);
    if (this.currentTest?.state === 'failed')
      for (const story of touched) process.stdout.write(`\n${await diagnose(story.key)}`);
  },
});

/** Those of the processes that run files beside each other: Mocha takes them from here by this name. */
export const mochaHooks = storyHooks(3);

let invariants: Invariants | undefined;

/** Breaches seen so far, of whichever process's Trials. The tests of the last file fail of these. */
export const breaches = (): string[] => invariants?.breaches ?? [];

/** Watches over all Trials of a run, and removes its namespaces when it has ended or is interrupted. */
export async function aroundStories<Result>(work: () => Promise<Result>): Promise<Result> {
  let leaving = false;
  const leave = (): void => {
    if (leaving) return;
    leaving = true;
    const closed = invariants ? world().close() : Promise.resolve();
    void closed.catch(() => {}).then(() => process.exit(130));
  };
  // Stays: Mocha sends SIGINT a second time.
  process.on('SIGINT', leave).on('SIGTERM', leave);
  const ours = await openWorld();
  invariants = new Invariants(ours);
  try {
    return await work();
  } finally {
    // Whoever interrupts it has closed it already.
    await ours.close();
  }
}
