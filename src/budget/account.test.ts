import { expect } from 'chai';
import { corrected, marked, newAccount, opened, settled, type Account, type Seen } from './account.ts';
import { counted, isWorthWriting, lookInMs, spentOf, standingOf } from './standing.ts';
import { readAccounts, writtenAccounts } from './stored.ts';

const NOON = Date.parse('2026-11-30T12:00:00Z');
const HOUR = 3_600_000;
/** A dollar an hour. */
const RATE = 1_000_000;

const after = (account: Account, hours: number, seen: Seen): Account =>
  settled(account, [{ uid: 'uid', name: 'job', rate: RATE, seen }], NOON + hours * HOUR);

const held = opened(newAccount(NOON), 'job', { since: NOON, rate: RATE });

describe('the account of a namespace', () => {
  it('takes nothing for a Pod that waits for a node', () => {
    const waited = after(held, 5, { kind: 'waiting' });
    expect(waited.spent).to.equal(0);
    expect(after(waited, 6, { kind: 'gone' }).spent).to.equal(1_000_000);
  });

  it('takes a Pod from when it had its node, once, however often one looks', () => {
    const first = after(held, 2, { kind: 'running', since: NOON + HOUR });
    expect(first.spent).to.equal(1_000_000);
    const second = after(first, 3, { kind: 'running', since: NOON + HOUR });
    expect(second.spent).to.equal(2_000_000);
    expect(after(second, 9, { kind: 'ended', since: NOON + HOUR, at: NOON + 3.5 * HOUR }).spent).to.equal(
      2_500_000,
    );
  });

  it('believes no Pod that it ended before it was seen to run', () => {
    const first = after(held, 2, { kind: 'running', since: NOON });
    const { spent, holds } = after(first, 3, { kind: 'ended', since: NOON, at: NOON - HOUR });
    expect([spent, holds]).to.deep.equal([2_000_000, {}]);
  });

  it('takes a Job that is gone as one that ran until it was missed', () => {
    expect(after(held, 2, { kind: 'gone' })).to.deep.include({ spent: 2_000_000, holds: {} });
  });

  it('knows a Job by its UID once it was seen, so that another of its name is another', () => {
    const seen = after(held, 1, { kind: 'waiting' });
    expect(Object.keys(opened(seen, 'job', { since: NOON, rate: 1 }).holds)).to.deep.equal(['uid', 'job']);
  });

  it('takes for two tries under one name what the dearer asks for', () => {
    const { holds } = opened(held, 'job', { since: NOON + HOUR, rate: 5 * RATE });
    expect(holds).to.deep.equal({ job: { since: NOON, rate: 5 * RATE } });
  });

  it('begins a month with what runs in it', () => {
    const december = after(after(held, 1, { kind: 'running', since: NOON }), 14, {
      kind: 'running',
      since: NOON,
    });
    expect(december).to.include({ month: '2026-12', spent: 2_000_000 });
  });

  it('says when the budget was spent, though nobody looked then', () => {
    const before = after(held, 0, { kind: 'running', since: NOON });
    const now = after(before, 4, { kind: 'running', since: NOON });
    expect(marked(now, before, 1_000_000).spentSince).to.equal(NOON + HOUR);
    expect(marked(now, before, 5_000_000)).not.to.have.property('spentSince');
  });

  it('gives what runs its time where a budget is lowered', () => {
    const before = after(held, 2, { kind: 'running', since: NOON });
    const now = after(before, 3, { kind: 'running', since: NOON });
    expect(marked(now, before, 500_000).spentSince).to.equal(NOON + 3 * HOUR);
  });
});

describe('an account that is held against a bill', () => {
  const TODAY = '2026-11-30';
  const DOLLAR = 1_000_000;
  /** Two dollars when the day began, three by now. */
  const account: Account = { ...newAccount(NOON), spent: 3 * DOLLAR, day: { of: TODAY, spent: 2 * DOLLAR } };
  const extraOf = (dollars: number, until = TODAY, before: Account = account): number =>
    corrected(before, { until, micros: dollars * DOLLAR }).extra ?? 0;

  it('takes what was charged beyond what had been counted when the day began, and all that was counted since', () => {
    expect(extraOf(5)).to.equal(3 * DOLLAR);
    expect(spentOf(corrected(account, { until: TODAY, micros: 5 * DOLLAR }), 10 * DOLLAR)).to.equal(
      '$6.00 ($3.00 of it by the bill) of the namespace’s budget of $10.00 for 2026-11',
    );
  });

  it('never says less than was counted, whatever the bill leaves out', () => {
    for (const dollars of [2, 1, 0, -50]) expect(extraOf(dollars), `${dollars}`).to.equal(0);
  });

  it('takes no bill for what was not counted at all: it is for somebody else’s things', () => {
    const idle = { ...newAccount(NOON), day: { of: TODAY, spent: 0 } };
    expect(extraOf(1000, TODAY, idle)).to.equal(0);
  });

  it('takes at most four times what was counted', () => {
    expect(extraOf(8)).to.equal(6 * DOLLAR);
    expect(extraOf(1e9)).to.equal(6 * DOLLAR);
  });

  it('keeps what it knows where a later bill says less', () => {
    const before = corrected(account, { until: TODAY, micros: 5 * DOLLAR });
    expect(extraOf(3, TODAY, before)).to.equal(3 * DOLLAR);
    expect(extraOf(6, TODAY, before)).to.equal(4 * DOLLAR);
  });

  it('compares no bill of yesterday with what was counted until today, and none of tomorrow', () => {
    for (const until of ['2026-11-29', '2026-12-01', '2026-10-30'])
      expect(extraOf(5, until), until).to.equal(0);
  });

  it('is not spoilt by a bill that is no number', () => {
    for (const dollars of [NaN, -Infinity]) expect(extraOf(dollars), `${dollars}`).to.equal(0);
    expect(extraOf(Infinity)).to.equal(6 * DOLLAR);
  });

  it('knows what had been counted by the first look of a day', () => {
    const next = { ...account, spent: 4 * DOLLAR, at: Date.parse('2026-11-30T23:59:59Z') };
    expect(corrected(next).day).to.deep.equal({ of: TODAY, spent: 2 * DOLLAR });
    const yesterday = { ...next, day: { of: '2026-11-29', spent: DOLLAR } };
    expect(corrected(yesterday).day).to.deep.equal({ of: TODAY, spent: 4 * DOLLAR });
    // A clock that goes back makes no day new.
    expect(corrected({ ...next, at: NOON - 86_400_000 }).day).to.deep.equal(next.day);
  });

  it('takes nothing of a bill into the next month', () => {
    const before = corrected(account, { until: TODAY, micros: 5 * DOLLAR });
    const december = counted(before, { jobs: [], budget: DOLLAR, now: Date.parse('2026-12-01T00:00:10Z') });
    expect(december).to.deep.equal({
      ...newAccount(Date.parse('2026-12-01T00:00:10Z')),
      day: { of: '2026-12-01', spent: 0 },
    });
  });

  it('gives what runs its time where the bill spends the budget', () => {
    const looked = { ...account, at: NOON - 20_000 };
    const billed = { until: TODAY, micros: 5 * DOLLAR };
    const now = counted(looked, { jobs: [], budget: 5 * DOLLAR, now: NOON, billed });
    expect([now.extra, now.spentSince]).to.deep.equal([3 * DOLLAR, NOON]);
    // And no other where it comes again.
    const again = counted(now, { jobs: [], budget: 5 * DOLLAR, now: NOON + 30_000, billed });
    expect(again.spentSince).to.equal(NOON);
  });
});

describe('how a budget stands', () => {
  const terms = { budget: 1_000_000, graceMs: 600_000 };
  const spent = { ...newAccount(NOON), spent: 1_230_000, spentSince: NOON };

  it('is told with its numbers, and when it begins anew', () => {
    expect(standingOf(spent, terms, NOON)).to.deep.equal({
      kind: 'spent',
      message:
        '$1.23 of the namespace’s budget of $1.00 for 2026-11 is spent; goes on with a higher budget, or at 2026-12-01T00:00:00Z',
    });
  });

  it('is over so early that what runs has ended when the grace period has', () => {
    expect(standingOf(spent, terms, NOON + 539_000).kind).to.equal('spent');
    expect(standingOf(spent, terms, NOON + 540_000).kind).to.equal('over');
  });

  it('is looked at when the money runs out, and not at all where nothing runs', () => {
    const running = { ...held, spent: 999_000 };
    expect(lookInMs(running, terms, NOON)).to.equal(3600);
    expect(lookInMs(newAccount(NOON), terms, NOON)).to.equal(undefined);
  });
});

describe('accounts that are written down', () => {
  it('were charged for hours of waiting where a Job was missed that nobody but its last operator had seen wait', () => {
    const waiting = (hours: number) => after(held, hours, { kind: 'waiting' });
    expect(isWorthWriting(waiting(1), waiting(1))).to.equal(false);
    expect(isWorthWriting(waiting(1), waiting(1.001))).to.equal(false);
    expect(isWorthWriting(waiting(1), waiting(1.01))).to.equal(true);
  });

  it('are read as they were', () => {
    const accounts = new Map([
      [
        'ada',
        {
          ...held,
          spentSince: NOON,
          warned: true as const,
          extra: 5,
          day: { of: '2026-11-30', spent: 0 },
        },
      ],
    ]);
    expect(readAccounts(writtenAccounts(accounts))).to.deep.equal(accounts);
  });

  for (const text of [
    '',
    '{}',
    'null',
    '{"month":"2026-11","spent":0,"at":0,"holds":{"a":{"since":0,"rate":-1}}}',
    '{"month":"2026-11","spent":9,"at":0,"holds":{},"extra":-9}',
    '{"month":"2026-11","spent":0,"at":0,"holds":{},"day":{"of":"today","spent":0}}',
  ])
    it(`are refused where somebody has written ${JSON.stringify(text)}`, () => {
      expect(() => readAccounts({ ada: text })).to.throw('key ada holds no account');
    });
});
