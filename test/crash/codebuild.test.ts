import { expect } from 'chai';
import { isDeepStrictEqual } from 'node:util';
import { readRecord } from '../../src/controllers/task-build/record.ts';
import { conditionOf } from '../../src/crds/conditions.ts';
import type { TaskBuild } from '../../src/crds/task-build.ts';
import type { Build } from '../support/codebuild/index.ts';
import type { Death } from '../support/mortal.ts';
import { breaches } from './invariants.ts';
import { built } from './scripts.ts';
import { digestOf, imageOf, type CodeBuildWorld } from './builders.ts';
import { addTaskBuild, callsOf, context, startWorld } from './codebuild-world.ts';
import { THOROUGH } from './thorough.ts';
import type { World } from './world.ts';

/** Long enough for an operator to look at a build while it is queued and while it runs: it looks every 50 ms. */
const SLOW = { ms: { DOWNLOAD_SOURCE: 40, BUILD: 80 } } as const;

const QUICK = { ms: { BUILD: 20 } } as const;

/** Most builds that were under way at the same moment. */
function mostAtOnce(builds: readonly Build[]): number {
  const at = (time: number): number =>
    builds.filter(({ startTime, endTime = Infinity }) => startTime <= time && time < endTime).length;
  return Math.max(0, ...builds.map(({ startTime }) => at(startTime)));
}

/** What one build leaves behind: its reason, its image, and the ids of its attempts. */
const leftBehind = ({ status = {} }: TaskBuild): object => ({
  reason: conditionOf({ status }, 'Succeeded')?.reason,
  image: `${status.image}@${status.digest}`,
  builds: status.attempts?.map(({ buildId }) => buildId),
});

/** Everything that is not as one build of each TaskBuild leaves it. */
async function wrongs(world: World): Promise<string[]> {
  const { builds } = world.codebuild;
  const expected = world.taskBuilds.map(({ metadata: { name }, status = {} }) => {
    const image = `registry.test/sandboxes:${name}-${status.contentHash?.slice(0, 12)}`;
    const own = builds.filter((build) => imageOf(build) === image);
    return {
      reason: 'Built',
      image: `${image}@${digestOf(image)}`,
      builds: own.slice(0, 1).map(({ id }) => id),
    };
  });
  const found = world.taskBuilds.map(leftBehind);
  const unrecorded = await Promise.all(
    world.taskBuilds.map(async ({ status = {} }) => {
      const { contentHash = '', digest } = status;
      const record = await readRecord(world.artifacts, contentHash);
      return record?.digest === digest
        ? []
        : [`builds/${contentHash}.json says ${record?.digest}, not ${digest}`];
    }),
  );
  const extra = builds.length - world.taskBuilds.length;
  return [
    ...(await breaches(world)),
    ...unrecorded.flat(),
    ...(isDeepStrictEqual(found, expected) ? [] : [JSON.stringify({ found, expected })]),
    ...(extra === 0 ? [] : [`${extra} builds more than TaskBuilds`]),
  ];
}

interface Story {
  death?: Death;
  /** Time that passes between death and next life. */
  outageMs?: number;
  names?: string[];
  script?: CodeBuildWorld['script'];
}

async function play({ death, outageMs = 0, names = ['hello'], script = SLOW }: Story) {
  const world = await startWorld({ codebuild: { script }, maxConcurrentBuilds: 1 });
  try {
    world.codebuild.inject({ kind: 'queued', ms: 60 });
    for (const name of names) addTaskBuild(world, name);
    const life = await world.startOperator(death);
    await (death ? world.restAfter(life, outageMs) : world.rest());
    return {
      effects: life.effects,
      wrongs: await wrongs(world),
      atOnce: mostAtOnce(world.codebuild.builds),
      looked: callsOf(world, 'ListBuildsForProject').length,
    };
  } finally {
    await world.close();
  }
}

/** Plays a story with each death there is in it; every end goes to `check`. */
async function eachDeath(
  story: Story,
  whens: readonly Death['when'][],
  check: (end: Awaited<ReturnType<typeof play>>, death: string) => void,
): Promise<void> {
  const undisturbed = await play(story);
  check(undisturbed, 'undisturbed');
  for (let atEffect = 1; atEffect <= undisturbed.effects; atEffect++) {
    const ends = await Promise.all(whens.map((when) => play({ ...story, death: { atEffect, when } })));
    for (const [index, end] of ends.entries()) check(end, `killed ${whens[index]} effect ${atEffect}`);
  }
}

describe('an operator that is killed while CodeBuild builds', function () {
  this.timeout(10 * 60_000);

  it('has one build, whichever write and whichever call of AWS it dies at', async () => {
    await eachDeath({}, ['before', 'after', 'late'], ({ wrongs: wrong }, death) =>
      expect(wrong, death).to.deep.equal([]),
    );
  });

  it('finds the build whose id was lost longer ago than CodeBuild remembers tokens', async () => {
    let looked = 0;
    await eachDeath({ outageMs: 600_000 }, ['after'], (end, death) => {
      expect(end.wrongs, death).to.deep.equal([]);
      looked += end.looked;
    });
    expect(looked).to.be.at.least(1);
  });

  it('never builds more at the same time than it may', async () => {
    const whens = THOROUGH ? (['before', 'after'] as const) : (['after'] as const);
    await eachDeath({ names: ['one', 'two'], script: QUICK }, whens, (end, death) => {
      expect(end.wrongs, death).to.deep.equal([]);
      expect(end.atOnce, death).to.equal(1);
    });
  });
});

/** Trials over so many environments, each with a tag and a context of its own. */
function applyTrials(world: World, count: number, environments: number): void {
  for (let number = 0; number < count; number++) {
    const environment = number % environments;
    const sha256 = String(environment).padStart(64, '0');
    world.apply(
      `trial-${number}`,
      built({ context: { s3: { ...context.s3, sha256 } }, tag: `env-${environment}` }),
    );
  }
}

describe('200 Trials over 20 environments on CodeBuild', function () {
  this.timeout(10 * 60_000);
  const LIMIT = 6;
  /** Of real time. */
  const POLL_MS = 50;
  // Ten times as fast and no faster: a lease that ends within moments has an operator ask again for what it asked before.
  const HASTE = 10;

  it('are 20 builds, never more at a time than allowed, and one look at them an interval', async () => {
    const world = await startWorld({
      haste: HASTE,
      codebuild: { script: SLOW, pollMs: POLL_MS * HASTE },
      maxConcurrentBuilds: LIMIT,
    });
    try {
      await world.startOperator();
      applyTrials(world, 200, 20);
      await world.rest(30_000);
      expect(await wrongsOfTrials(world)).to.deep.equal([]);
      // Not of calls: an operator that lost its lease for a moment asks again with the same token, and gets the same build.
      expect(world.codebuild.builds).to.have.length(20);
      expect(mostAtOnce(world.codebuild.builds)).to.be.within(2, LIMIT);
      const looks = callsOf(world, 'BatchGetBuilds').map(({ at }) => at);
      const interval = ((looks.at(-1) ?? 0) - (looks[0] ?? 0)) / (looks.length - 1);
      expect(interval).to.be.at.least(POLL_MS - 1);
    } finally {
      await world.close();
    }
  });
});

async function wrongsOfTrials(world: World): Promise<string[]> {
  const ends = world.trials.map((trial) => conditionOf(trial, 'Succeeded')?.reason);
  return [
    ...(await breaches(world)),
    ...ends.flatMap((end) => (end === 'RewardObtained' ? [] : [String(end)])),
  ];
}
