import { expect } from 'chai';
import { BILLED_MOST, newAccount, spentIn, type Account } from '../../src/budget/account.ts';
import { monthOf } from '../../src/text/calendar.ts';
import { seeded } from '../support/random.ts';
import { BudgetWorld, END_MS, GRACE_MS, NAMESPACE } from './budget-world.ts';
import { THOROUGH } from './thorough.ts';

const WORLDS = THOROUGH ? 400 : 60;
/** Days pass in these. */
const WORLDS_WITH_BILLS = WORLDS / 3;
const STEPS = 250;
/** Millionths of a dollar: an answer may come a look later than the second that it is about. */
const ROUNDING = 200;
const DAY_MS = 86_400_000;

type Random = () => number;

const below = (random: Random, most: number): number => Math.floor(random() * most);
const among = <T>(random: Random, values: readonly T[]): T | undefined =>
  values[below(random, values.length)];

type Step = (world: BudgetWorld, random: Random) => unknown;

const onOne =
  (act: (world: BudgetWorld, uid: string, random: Random) => void): Step =>
  (world, random) => {
    const uid = among(random, world.jobs);
    if (uid !== undefined) act(world, uid, random);
  };

/** What people, nodes and death do, in any order. */
const STEPS_OF: readonly Step[] = [
  (world, random) => world.want(1 + below(random, 16)),
  // Under a name that was there before.
  (world, random) => world.want(1 + below(random, 16), `job-${1 + below(random, 5)}`),
  onOne((world, uid) => world.schedule(uid)),
  onOne((world, uid) => world.schedule(uid)),
  onOne((world, uid) => world.finish(uid)),
  onOne((world, uid, random) => world.remove(uid, random() < 0.5)),
  (world, random) => world.pass(random() * 5000),
  (world, random) => world.pass(random() * 600_000),
  (world) => world.kill(),
  (world, random) => world.dieAfter(1 + below(random, 4)),
  (world, random) => random() < 0.05 && world.raise(1 + below(random, 3)),
];

/** How far beyond the budget this month may be: what ran when it was spent, for one grace period. */
class Watch {
  #month = '';
  #peak = 0;

  check(world: BudgetWorld, where: string): void {
    const month = monthOf(world.now);
    // Between two looks at it there may be less of what runs, and never more.
    if (month !== this.#month) this.#peak = world.rateAt(Date.parse(`${month}-01T00:00:00Z`));
    this.#month = month;
    this.#peak = Math.max(this.#peak, world.rateAt(world.now));
    const beyond = world.trueCost() - world.budget;
    expect(beyond, `beyond the budget, ${where}`).to.be.at.most((this.#peak * GRACE_MS) / 3_600_000);
  }
}

/** What the cloud charges for a day before this one, or for this. */
const charge = (world: BudgetWorld, micros: number, daysAgo = 1): void => {
  const day = new Date(world.now - daysAgo * DAY_MS).toISOString().slice(0, 10);
  world.costs.charge({ day, tag: NAMESPACE, micros });
};

/** Bills come, too: late, too low, and with what is not the namespace’s at all. */
const STEPS_WITH_BILLS: readonly Step[] = [
  ...STEPS_OF,
  (world) => world.bill(),
  (world) => world.bill(),
  (world, random) =>
    charge(world, among(random, [0, -1e6, 1e6, 3e6, random() * 1e7, 1e12]) ?? 0, below(random, 3)),
  (world, random) => world.pass(random() * 43_200_000),
];

/** What must hold of a ledger into which bills come. */
class Ledger {
  #before = newAccount(0);
  /** By when what runs has ended. */
  #end = Infinity;

  check(world: BudgetWorld, where: string): void {
    const { now, account } = world;
    if (!account) return;
    const before = this.#before.month === account.month ? this.#before : newAccount(now);
    if (account.spentSince !== before.spentSince) this.#end = endOf(account, now);
    this.#before = account;
    expect(extraOf(account), `known to be charged, ${where}`).to.be.at.least(extraOf(before));
    expect(account.spent, `counted, ${where}`).to.be.at.least(before.spent);
    expect(spentIn(account), `believed, ${where}`).to.be.at.most(account.spent * BILLED_MOST + 1);
    if (account.month === monthOf(now) && spentIn(account) >= world.budget && this.#end < now)
      expect(world.rateAt(now), `still runs after the grace period, ${where}`).to.equal(0);
  }
}

const extraOf = (account: Account): number => spentIn(account) - account.spent;

/** When the grace period is over; where it was when that came out, as soon as a Pod can end. */
const endOf = ({ spentSince = Infinity }: Account, now: number): number =>
  Math.max(spentSince + GRACE_MS, now + END_MS);

async function live(seed: number, steps = STEPS_OF): Promise<BudgetWorld> {
  const random = seeded(seed);
  const world = new BudgetWorld(5, random);
  const [watch, ledger] = [new Watch(), new Ledger()];
  await world.look();
  for (let step = 0; step < STEPS; step++) {
    await among(random, steps)?.(world, random);
    watch.check(world, `world ${seed}, step ${step}`);
    ledger.check(world, `world ${seed}, step ${step}`);
  }
  return world;
}

describe('budgets of namespaces', () => {
  it('are never exceeded by more than one grace period, whatever the order of events and kills', async () => {
    for (let seed = 1; seed <= WORLDS; seed++) await live(seed);
  });

  it('are not exceeded by more than that whatever bills come, and each day asks for one', async () => {
    let [asked, raised] = [0, 0];
    for (let seed = 1; seed <= WORLDS_WITH_BILLS; seed++) {
      const world = await live(seed, STEPS_WITH_BILLS);
      const times = world.costs.asked.map((time) => time.getTime());
      for (const [index, time] of times.slice(1).entries())
        expect(time - times[index]!, `world ${seed}`).to.be.at.least(DAY_MS);
      asked += times.length;
      raised += world.account?.extra === undefined ? 0 : 1;
    }
    // Else nothing was tried.
    expect(asked).to.be.greaterThan(WORLDS_WITH_BILLS);
    expect(raised).to.be.greaterThan(WORLDS_WITH_BILLS / 10);
  });

  it('end what runs one grace period after a bill has spent them', async () => {
    const world = new BudgetWorld(10, seeded(1));
    await world.look();
    await world.want(1);
    world.schedule('uid-1');
    // $4.32 by midnight.
    await world.pass(13 * 3_600_000);
    charge(world, 12_000_000);
    await world.bill();
    await world.look();
    expect(world.standing.kind).to.equal('spent');
    expect(world.account?.spentSince).to.equal(world.now);
    await world.pass(GRACE_MS - 100_000);
    expect(world.jobs).to.deep.equal(['uid-1']);
    world.kill();
    await world.pass(100_000);
    expect(world.jobs).to.deep.equal([]);
  });

  it('count no less than what was taken up', async () => {
    for (let seed = 1; seed <= WORLDS; seed++) {
      const world = await live(seed);
      await world.look();
      await world.pass(40_000);
      for (const uid of world.jobs) world.remove(uid, false);
      await world.look();
      expect(world.account?.spent ?? 0, `world ${seed}`).to.be.at.least(world.trueCost() - ROUNDING);
    }
  });

  it('count to the second where nobody dies and nothing is deleted', async () => {
    const world = new BudgetWorld(5, seeded(1));
    await world.look();
    await world.want(2);
    await world.pass(100_000);
    world.schedule('uid-1');
    await world.pass(1_000_000);
    world.finish('uid-1');
    await world.pass(60_000);
    expect(world.account?.holds).to.deep.equal({});
    expect(world.account?.spent).to.be.closeTo(world.trueCost(), ROUNDING);
    expect(world.trueCost()).to.be.greaterThan(0);
  });

  it('take what was deleted while no operator looked as used until it was missed', async () => {
    const world = new BudgetWorld(5, seeded(1));
    await world.look();
    await world.want(10);
    world.schedule('uid-1');
    world.kill();
    world.remove('uid-1', false);
    world.now += 600_000;
    await world.look();
    expect(world.account?.spent).to.be.closeTo(600_000, ROUNDING);
  });

  it('take nothing for a Job whose name another one has, however often it is tried', async () => {
    const world = new BudgetWorld(5, seeded(1));
    await world.look();
    await world.want(1, 'job');
    await world.pass(60_000);
    for (let times = 0; times < 10; times++) {
      await world.want(16, 'job');
      await world.pass(30_000);
    }
    expect(world.account?.spent).to.equal(0);
    expect(Object.keys(world.account?.holds ?? {})).to.deep.equal(['uid-1']);
  });

  it('give no new grace to what runs when an operator dies', async () => {
    const world = new BudgetWorld(1, seeded(1));
    await world.look();
    await world.want(10);
    world.schedule('uid-1');
    await world.pass(1_000_000 + 100_000);
    expect(world.standing.kind).to.equal('spent');
    world.kill();
    await world.pass(GRACE_MS - 100_000);
    expect(world.jobs).to.deep.equal([]);
  });

  it('warn once at 80 %, and once more when they are spent', async () => {
    const world = new BudgetWorld(1, seeded(1));
    await world.look();
    await world.want(10);
    world.schedule('uid-1');
    await world.pass(850_000);
    world.kill();
    await world.pass(250_000);
    world.kill();
    await world.pass(10_000);
    expect(world.warnings.map(({ reason }) => reason)).to.deep.equal(['BudgetNearlySpent', 'BudgetExceeded']);
    expect(world.warnings[0]?.message).to.match(
      /^\$0\.8\d of the namespace’s budget of \$1\.00 for 2026-11 is spent$/,
    );
  });

  it('start anew with the month', async () => {
    const world = new BudgetWorld(1, seeded(1));
    await world.look();
    await world.want(10);
    world.schedule('uid-1');
    await world.pass(1_100_000);
    expect(await world.want(1)).to.equal(false);
    await world.pass(Date.parse('2026-12-01T00:00:01Z') - world.now);
    await world.look();
    expect(world.standing.kind).to.equal('within');
    expect(world.account?.spent).to.equal(0);
    expect(await world.want(1)).to.equal(true);
  });
});
