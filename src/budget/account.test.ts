import { expect } from 'chai';
import { marked, newAccount, opened, settled, type Account, type Seen } from './account.ts';
import { lookInMs, standingOf } from './standing.ts';
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
  it('are read as they were', () => {
    const accounts = new Map([['ada', { ...held, spentSince: NOON, warned: true as const }]]);
    expect(readAccounts(writtenAccounts(accounts))).to.deep.equal(accounts);
  });

  for (const text of [
    '',
    '{}',
    'null',
    '{"month":"2026-11","spent":0,"at":0,"holds":{"a":{"since":0,"rate":-1}}}',
  ])
    it(`are refused where somebody has written ${JSON.stringify(text)}`, () => {
      expect(() => readAccounts({ ada: text })).to.throw('key ada holds no account');
    });
});
