import { expect } from 'chai';
import { setTimeout as wait } from 'node:timers/promises';
import type { TrialSpec } from '../../src/crds/trial.ts';
import type { Fault } from '../support/api-server.ts';
import type { Fate } from '../support/kubelet/fate.ts';
import type { Death } from '../support/mortal.ts';
import { seeded } from '../support/random.ts';
import { breaches, isTerminal } from './invariants.ts';
import { built } from './scripts.ts';
import { THOROUGH } from './thorough.ts';
import { World } from './world.ts';

const WORLDS = THOROUGH ? 5 : 2;
/** In each of them. */
const KILLS = 100;
/** Besides, while Trials that have ended come again. */
const KILLS_AGAIN = 25;
/** Operators that are told to stop, in each of as many worlds. */
const STOPS = THOROUGH ? 200 : 20;
/** Of one that is to lead for long: on a busy machine a lease that ends within moments is lost, again and again. */
const HASTE = 10;
/** Share of requests that go wrong. */
const FAULTY = 0.04;
/** Longest life of an operator, in milliseconds. */
const LIFE_MS = 25;

type Random = () => number;

const among = <T>(random: Random, values: readonly [T, ...T[]]): T =>
  values[Math.floor(random() * values.length)] ?? values[0];

const FATES: [Fate, ...Fate[]] = [
  { kind: 'rewarded' },
  { kind: 'rewarded' },
  { kind: 'rewarded' },
  { kind: 'failed', reason: 'RewardMissing' },
  { kind: 'failed', reason: 'CourierFailed' },
  { kind: 'outOfMemory' },
  { kind: 'evicted' },
  { kind: 'deleted' },
  { kind: 'vanishes', stored: true },
  { kind: 'vanishes', stored: false },
  { kind: 'nodeLost' },
];

const FAULTS: [Fault, ...Fault[]] = [
  { kind: 'status', status: 409, reason: 'Conflict' },
  { kind: 'status', status: 429, reason: 'TooManyRequests' },
  { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 },
  { kind: 'status', status: 500, reason: 'InternalError' },
  { kind: 'status', status: 503, reason: 'ServiceUnavailable' },
  { kind: 'lose-reply' },
  { kind: 'drop' },
  { kind: 'slow', ms: 5 },
];

const BROKEN_WATCHES: [Fault, ...Fault[]] = (['end', 'drop', 'truncate', 'gone', 'garbage'] as const).map(
  (how): Fault => ({ kind: 'watch', afterLines: 3, how }),
) as [Fault, ...Fault[]];

/** Breaks a share of all requests and watches. */
function disturb({ server }: World, random: Random): void {
  for (const [faults, isWatch] of [
    [FAULTS, false],
    [BROKEN_WATCHES, true],
  ] as const)
    for (const fault of faults)
      server.faults.add({
        on: ({ watch }) => watch === isWatch && random() < (FAULTY / faults.length) * (isWatch ? 5 : 1),
        fault,
        times: Infinity,
      });
}

const randomDeath = (random: Random): Death => ({
  atEffect: 1 + Math.floor(random() * 8),
  when: among(random, ['before', 'after', 'late']),
});

/** Trials that have ended are deleted and applied again, as they were or, now and then, to run whatever came of them. */
async function comeAgain(world: World, random: Random): Promise<void> {
  const over = world.trials.filter(isTerminal).filter(() => random() < 0.05);
  for (const trial of over) {
    if (trial.status?.adopted || !(await world.isIndexed(trial))) continue;
    world.remove(trial.metadata.name);
    world.applyAgain(random() < 0.2 ? { ...trial, spec: { ...trial.spec, rerun: 'Always' } } : trial);
  }
}

/** A Trial comes; a recent one is cancelled or suspended now and then, and goes on after a while. */
function meddle(world: World, random: Random, round: number): void {
  const specs: [Partial<TrialSpec>, ...Partial<TrialSpec>[]] = [
    {},
    built({ tag: `t${Math.floor(round / 10)}` }),
    { ttlSecondsAfterFinished: 0 },
  ];
  world.apply(`trial-${round}`, among(random, specs));
  const recent = `trial-${Math.max(0, round - Math.floor(random() * 4))}`;
  if (random() < 0.1) world.change(recent, { cancel: true });
  if (random() < 0.3) world.change(recent, { suspend: true });
  if (random() < 0.3) resumeAll(world);
  if (random() < 0.3) world.change(recent, { cancel: false });
}

function resumeAll(world: World): void {
  for (const { metadata, spec } of world.trials)
    if (spec.suspend) world.change(metadata.name, { suspend: false });
}

/** What people do, in the round of a kill. */
type Meddles = (world: World, random: Random, round: number) => unknown;

/** One operator after another is killed: at an effect, or at any moment. */
async function torment(world: World, random: Random, [kills, meddles]: [number, Meddles]): Promise<void> {
  world.kill();
  disturb(world, random);
  for (let kill = 0; kill < kills; kill++) {
    const life = await world.startOperator(random() < 0.7 ? randomDeath(random) : undefined);
    const died = new Promise<void>((resolve) => life.onDeath(resolve));
    await wait((random() * LIFE_MS) / 2);
    await meddles(world, random, kill);
    await Promise.race([died, wait(random() * LIFE_MS)]);
    life.die();
  }
}

/** One leader after another is told to stop, at any moment, while another stands by. */
async function relieve(world: World, random: Random): Promise<void> {
  world.kill();
  disturb(world, random);
  await world.startOperator(undefined, HASTE);
  for (let round = 0; round < STOPS; round++) {
    await world.startOperator(undefined, HASTE);
    meddle(world, random, round);
    await wait(random() * LIFE_MS);
    await world.stopLeader();
  }
  world.server.faults.clear();
  await world.stopLeader();
}

/** Lets the cluster recover, and time pass until all that was waited for is over. */
async function recover(world: World): Promise<void> {
  world.server.faults.clear();
  resumeAll(world);
  await world.startOperator(undefined, HASTE);
  await world.rest(400);
}

describe(`an operator that is killed ${WORLDS * (KILLS + KILLS_AGAIN)} times at random`, function () {
  // Of a machine that is busy with other work.
  this.timeout(10 * 60_000);
  for (let seed = 1; seed <= WORLDS; seed++)
    it(`loses no Trial, doubles no Job and changes no reward (seed ${seed})`, async () => {
      const random = seeded(seed);
      const world = await World.start({ seed, fate: () => among(random, FATES) });
      try {
        await torment(world, random, [KILLS, meddle]);
        await recover(world);
        expect(await breaches(world)).to.deep.equal([]);
        await torment(world, random, [KILLS_AGAIN, comeAgain]);
        await recover(world);
        expect(await breaches(world)).to.deep.equal([]);
        const adopted = [...world.invariants.ended.values()].filter(({ status }) => status?.adopted);
        expect(adopted, 'that took over an outcome').to.have.length.greaterThan(5);
      } finally {
        await world.close();
      }
    });
});

describe(`an operator that is told to stop ${WORLDS * STOPS} times at random while another stands by`, function () {
  this.timeout(300_000);
  for (let seed = 1; seed <= WORLDS; seed++)
    it(`loses no Trial, doubles no Job and changes no reward (seed ${seed})`, async () => {
      const random = seeded(seed);
      const world = await World.start({ seed, fate: () => among(random, FATES) });
      try {
        await relieve(world, random);
        await recover(world);
        expect(await breaches(world)).to.deep.equal([]);
        const said = (line: string): number =>
          world.log.lines.filter(({ message }) => message === line).length;
        expect(said('released the lease')).to.be.above(STOPS / 2);
        expect(said('reconcile left to the next leader')).to.be.above(0);
      } finally {
        await world.close();
      }
    });
});
