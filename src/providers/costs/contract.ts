/** What all Costs keep; run by each adapter’s tests. */
import { expect } from 'chai';
import type { Charge } from './memory.ts';
import type { Costs } from './port.ts';

export interface CostsUnderTest {
  /** Nothing was charged yet. */
  costs: Costs;
  charge: (charge: Charge) => void;
}

const NOW = new Date('2026-11-30T12:00:00Z');
const DOLLAR = 1_000_000;
const many = 1234;

export function costsContract(use: () => CostsUnderTest): void {
  const charged = async (charges: readonly Charge[], now = NOW): Promise<Record<string, number>> => {
    const { costs, charge } = use();
    for (const one of charges) charge(one);
    return Object.fromEntries((await costs.ofMonth(now)).byTag);
  };
  const of = (day: string, tag?: string, dollars = 1): Charge => ({
    day,
    ...(tag !== undefined && { tag }),
    micros: dollars * DOLLAR,
  });

  it('adds up the days of the month that are over, by whom they are for', async () => {
    const days = [of('2026-11-01', 'ada'), of('2026-11-29', 'ada', 2.5), of('2026-11-02', 'eve')];
    expect(await charged(days)).to.deep.equal({ ada: 3_500_000, eve: 1_000_000 });
  });

  it('says with which day it ends', async () => {
    const { costs } = use();
    expect((await costs.ofMonth(NOW)).until).to.equal('2026-11-30');
    expect((await costs.ofMonth(new Date('2026-11-30T23:59:59.999Z'))).until).to.equal('2026-11-30');
  });

  it('leaves out the day that is not over, and other months', async () => {
    const days = ['2026-11-30', '2026-12-01', '2026-10-31', '2025-11-10'].map((day) => of(day, 'ada'));
    expect(await charged(days)).to.deep.equal({});
  });

  it('has nothing of a month that begins', async () => {
    const before = [of('2026-11-30', 'ada'), of('2026-12-01', 'ada')];
    expect(await charged(before, new Date('2026-12-01T23:00:00Z'))).to.deep.equal({});
  });

  it('leaves out what is tagged for nobody', async () => {
    expect(await charged([of('2026-11-05'), of('2026-11-05', 'ada')])).to.deep.equal({ ada: DOLLAR });
  });

  it('tells names apart that differ by a letter’s case, or in what follows a dollar sign', async () => {
    const names = ['ada', 'Ada', 'ada$eve'];
    expect(await charged(names.map((name) => of('2026-11-05', name)))).to.have.all.keys(names);
  });

  it('leaves nobody out where there are many', async () => {
    const names = Array.from({ length: many }, (_, index) => `researcher-${index}`);
    expect(Object.keys(await charged(names.map((name) => of('2026-11-05', name))))).to.have.length(many);
  });

  it('counts to the millionth', async () => {
    expect(await charged([of('2026-11-05', 'ada', 0.000_001)])).to.deep.equal({ ada: 1 });
  });
}
