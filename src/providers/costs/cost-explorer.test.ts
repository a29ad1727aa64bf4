import { expect } from 'chai';
import { denied } from '../../../test/support/aws/calls.ts';
import type { Line } from '../../../test/support/aws/cost-explorer.ts';
import { CREDENTIALS, STACK } from '../../../test/support/aws/facts.ts';
import { startFront, type AwsFront } from '../../../test/support/aws/front.ts';
import { roleOf } from '../../../test/support/aws/iam/roles.ts';
import type { ProviderError } from '../errors.ts';
import { costsContract } from './contract.ts';
import { costExplorer } from './cost-explorer.ts';
import type { Costs } from './port.ts';

const NOW = new Date('2026-11-30T12:00:00Z');
const NOBODY = 'http://127.0.0.1:1';

describe('Cost Explorer', () => {
  let front: AwsFront;
  beforeEach(async () => {
    front = await startFront({ moto: NOBODY, registry: NOBODY });
  });
  afterEach(() => front.close());

  const at = (endpoint: string): Costs =>
    costExplorer({ region: 'eu-west-1', stack: STACK, endpoint, credentials: CREDENTIALS });
  const costs = (): Costs => at(front.url);
  const line = (more: Partial<Line> = {}): Line => ({
    day: '2026-11-05',
    tags: { user_id: 'ada', 'sb:stack': STACK },
    amount: '1.0000000000',
    ...more,
  });
  const bill = async (...lines: readonly Partial<Line>[]): Promise<Record<string, number>> => {
    front.bill.lines.push(...lines.map(line));
    return Object.fromEntries((await costs().ofMonth(NOW)).byTag);
  };
  const failure = (asked: Promise<unknown>): Promise<ProviderError> =>
    asked.then(
      () => expect.fail('it did not fail'),
      (error: ProviderError) => error,
    );

  costsContract(() => ({
    costs: costs(),
    charge: ({ day, tag, micros }) =>
      void front.bill.lines.push({
        day,
        tags: { 'sb:stack': STACK, ...(tag !== undefined && { user_id: tag }) },
        amount: (micros / 1_000_000).toFixed(10),
      }),
  }));

  it('is not asked about a month of which no day is over', async () => {
    await costs().ofMonth(new Date('2026-12-01T12:00:00Z'));
    expect(front.calls.all).to.deep.equal([]);
  });

  it('is asked once where the answer has one page', async () => {
    await bill({});
    expect(front.calls.count('ce:GetCostAndUsage')).to.equal(1);
  });

  it('is asked no more where the answer never ends', async () => {
    front.bill.pageSize = 1;
    const names = Array.from({ length: 50 }, (_, index) => `researcher-${index}`);
    const error = await failure(
      bill(...names.map((name) => ({ tags: { user_id: name, 'sb:stack': STACK } }))),
    );
    expect(error).to.include({ reason: 'TooLarge' });
    expect(front.calls.count('ce:GetCostAndUsage')).to.equal(10);
  });

  it('tells nobody what another installation of the account costs, though it has a user of the same name', async () => {
    expect(
      await bill({}, { tags: { user_id: 'ada', 'sb:stack': 'other' } }, { tags: { user_id: 'ada' } }),
    ).to.deep.equal({ ada: 1_000_000 });
  });

  it('has nothing for anybody where the tag is not activated', async () => {
    front.bill.activated.delete('user_id');
    expect(await bill({})).to.deep.equal({});
  });

  it('makes nothing cheaper by vouchers and refunds', async () => {
    const given = ['Credit', 'Refund'].map((recordType) => ({ recordType, amount: '-0.9' }));
    expect(await bill({}, ...given)).to.deep.equal({ ada: 1_000_000 });
  });

  it('reads amounts as AWS writes the smallest', async () => {
    expect(await bill({ amount: '2.5E-5' })).to.deep.equal({ ada: 25 });
  });

  it('is not believed in another currency', async () => {
    const { reason, message } = await failure(bill({ unit: 'CNY' }));
    expect([reason, message]).to.deep.equal([
      'Invalid',
      'ask Cost Explorer what carries the tag user_id: the amount for ada is in CNY, and budgets are in USD',
    ]);
  });

  for (const amount of ['', 'NaN', 'Infinity', '1,5'])
    it(`is not believed where an amount is ${JSON.stringify(amount)}`, async () => {
      expect(await failure(bill({ amount }))).to.include({ reason: 'Invalid' });
    });

  it('names the permission that is missing', async () => {
    front.calls.refuse('ce:GetCostAndUsage', denied('ce:GetCostAndUsage'));
    const { reason, message } = await failure(costs().ofMonth(NOW));
    expect(reason).to.equal('AccessDenied');
    expect(message).to.match(/; it needs ce:GetCostAndUsage$/);
  });

  it('answers the operator where the policy for that is there, and only then', async () => {
    const door = (...options: 'costExplorer'[]) => front.door(roleOf('operator', options));
    expect(await failure(at(await door()).ofMonth(NOW))).to.include({ reason: 'AccessDenied' });
    expect((await at(await door('costExplorer')).ofMonth(NOW)).until).to.equal('2026-11-30');
  });

  it('that is asked too often is worth another try, and one without data is not', async () => {
    const refused = async (code: string): Promise<boolean> => {
      const end = front.calls.refuse('ce:GetCostAndUsage', { code, message: 'no' });
      const { transient } = await failure(costs().ofMonth(NOW));
      end();
      return transient;
    };
    expect(await refused('LimitExceededException')).to.equal(true);
    expect(await refused('DataUnavailableException')).to.equal(false);
  });
});
