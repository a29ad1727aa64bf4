import { expect } from 'chai';
import { newAccount, type Account } from '../../budget/account.ts';
import { MONTHLY_BUDGET, USER_ID } from '../../crds/namespace-rules.ts';
import type { Namespace } from '../../kube/kinds.ts';
import type { ObjectKey, Store } from '../../kube/types.ts';
import { ProviderError } from '../../providers/errors.ts';
import { memoryCosts } from '../../providers/costs/memory.ts';
import { billController, Bills } from './bill.ts';

const HOUR = 3_600_000;
const DOLLAR = 1_000_000;
const NOON = Date.parse('2026-11-30T12:00:00Z');

interface Marks {
  budget?: string;
  user?: string;
}

const aNamespace = (name: string, { budget = '100', user = name }: Marks = {}): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name,
    labels: { ...(user !== '' && { [USER_ID]: user }), ...(budget !== '' && { [MONTHLY_BUDGET]: budget }) },
  },
});

/** An operator that asks, of a namespace `ada` with a budget where nothing else is said. */
function world(namespaces: Namespace[] = [aNamespace('ada')]) {
  const faults: ProviderError[] = [];
  const costs = memoryCosts({ fault: () => faults.shift() });
  const warnings: string[] = [];
  const logged: string[] = [];
  const log = (_: object, message: string): void => void logged.push(message);
  const accounts = new Map<string, Account>();
  const one = {
    costs,
    faults,
    warnings,
    logged,
    accounts,
    bills: new Bills(),
    now: NOON,
    askedAt: undefined as number | undefined,
    /** A new process begins: the ledger stays. */
    restart: () => void (one.bills = new Bills()),
    look: async (): Promise<number | undefined> => {
      const store: Store<Namespace> = {
        synced: true,
        fresh: true,
        list: () => namespaces,
        get: ({ name }: ObjectKey) => namespaces.find(({ metadata }) => metadata.name === name),
        by: () => [],
      };
      const reconcile = billController({
        costs,
        bills: one.bills,
        ledger: {
          billAskedAt: async () => one.askedAt,
          askingBill: async () => void (one.askedAt = one.now),
          of: async (name) => accounts.get(name) ?? newAccount(one.now),
        },
        namespaces: store,
        events: { warning: (_, reason, message) => void warnings.push(`${reason}: ${message}`) },
        log: { debug: log, info: log, warn: log, error: log },
        now: () => new Date(one.now),
      });
      const again = await reconcile({ namespace: '', name: 'bill' }, new AbortController().signal);
      return again?.requeueAfterMs;
    },
  };
  return one;
}

const charged = (tag: string, micros = DOLLAR) => ({ day: '2026-11-05', tag, micros });

describe('the bill of namespaces with a budget', () => {
  it('is asked for once a day, whoever leads, and at that time', async () => {
    const one = world();
    expect(await one.look()).to.equal(24 * HOUR);
    one.now += 10 * HOUR;
    one.restart();
    expect(await one.look()).to.equal(14 * HOUR);
    one.now += 14 * HOUR;
    await one.look();
    expect(one.costs.asked.map((date) => date.getTime() - NOON)).to.deep.equal([0, 24 * HOUR]);
  });

  it('is not asked for again where the answer did not come', async () => {
    const one = world();
    one.faults.push(new ProviderError('Unavailable', 'down'));
    await one.look().then(
      () => expect.fail('it did not fail'),
      () => undefined,
    );
    expect(await one.look()).to.equal(24 * HOUR);
    expect(one.costs.asked).to.have.length(1);
  });

  it('comes within a day though a clock was years ahead', async () => {
    const one = world();
    one.askedAt = NOON + 87_600 * HOUR;
    await one.look();
    expect(one.costs.asked).to.have.length(1);
    one.now -= 2 * HOUR;
    expect(await one.look()).to.equal(22 * HOUR);
  });

  it('is not asked for where nobody’s budget could be corrected by it', async () => {
    for (const marks of [{ budget: '' }, { user: '' }, { budget: 'much' }]) {
      const one = world([aNamespace('ada', marks)]);
      await one.look();
      expect([one.costs.asked, one.askedAt], JSON.stringify(marks)).to.deep.equal([[], undefined]);
    }
  });

  it('comes to the namespace that has the tag as its own, letter by letter, and wakes it', async () => {
    const one = world([aNamespace('ada'), aNamespace('evals', { user: 'Ada' })]);
    const woken: string[] = [];
    one.bills.feed().start(({ name }) => void woken.push(name), undefined as never);
    one.costs.charge(charged('ada'));
    one.costs.charge(charged('evals', 5 * DOLLAR));
    await one.look();
    expect(one.bills.of('ada')).to.deep.equal({ until: '2026-11-30', micros: DOLLAR });
    expect([one.bills.of('evals'), woken]).to.deep.equal([undefined, ['ada']]);
  });

  it('comes to none of two namespaces that have the same tag, though one has no budget', async () => {
    const one = world([aNamespace('ada'), aNamespace('lab', { user: 'ada', budget: '' }), aNamespace('eve')]);
    one.costs.charge(charged('ada'));
    one.costs.charge(charged('eve'));
    await one.look();
    expect(['ada', 'lab', 'eve'].map((name) => one.bills.of(name)?.micros)).to.deep.equal([
      undefined,
      undefined,
      DOLLAR,
    ]);
  });

  it('is told to people where it says much more than was counted', async () => {
    const one = world();
    one.accounts.set('ada', { ...newAccount(NOON), spent: DOLLAR });
    one.costs.charge(charged('ada', 4 * DOLLAR));
    await one.look();
    expect(one.warnings).to.deep.equal([]);
    one.costs.charge(charged('ada', 5 * DOLLAR));
    one.now += 11 * HOUR;
    one.askedAt = undefined;
    await one.look();
    expect(one.warnings).to.deep.equal([
      'BillBeyondLedger: $9.00 are charged for user_id=ada and $1.00 were counted; no more than 4 times that is taken: is SB_PRICES right, and what else has the tag?',
    ]);
  });

  it('that has the tag nowhere is told in the log', async () => {
    const one = world();
    await one.look();
    expect(one.logged).to.deep.equal([
      'the bill has nothing with the tag user_id: is it activated as a cost allocation tag?',
    ]);
  });
});
