import { expect } from 'chai';
import { ApiServer } from '../../../test/support/api-server.ts';
import { aJob, after, aTrial } from '../../../test/support/builders/objects.ts';
import { connectTo } from '../../../test/support/kube.ts';
import { readAccounts } from '../../budget/stored.ts';
import { LEDGER } from '../../crds/names.ts';
import type { Kube } from '../../kube/connect.ts';
import { ApiError } from '../../kube/errors.ts';
import { ConfigMap } from '../../kube/kinds.ts';
import type { KubeClient } from '../../kube/types.ts';
import { Ledger } from './record.ts';

describe('The ledger', () => {
  let server: ApiServer;
  let kube: Kube;
  let now: Date;
  beforeEach(async () => {
    server = await ApiServer.start();
    kube = connectTo(server);
    now = after(0);
  });
  afterEach(async () => {
    await kube.close();
    await server.close();
  });

  let writes = 0;
  const counting = (): Pick<KubeClient, 'get' | 'create' | 'replace'> => ({
    get: (...asked) => kube.client.get(...asked),
    create: (...asked) => kube.client.create(...asked).finally(() => (writes += 1)),
    replace: (...asked) => kube.client.replace(...asked).finally(() => (writes += 1)),
  });
  const ledgerOf = () =>
    new Ledger({ kube: counting(), namespace: 'sb-system', prices: { cpu: 1 }, now: () => now });
  const stored = () => kube.client.get(ConfigMap, { namespace: 'sb-system', name: LEDGER });
  const holds = async (): Promise<string[]> =>
    Object.keys(readAccounts((await stored())?.data).get('default')?.holds ?? {});
  const job = (name = 'a') => ({ ...aJob(aTrial()), metadata: { name, namespace: 'default' } });
  const failure = (done: Promise<unknown>): Promise<Error> =>
    done.then(
      () => expect.fail('nothing failed'),
      (error: unknown) => error as Error,
    );

  it('has a Job written down before it is made, those of many at once by few writes', async () => {
    const ledger = ledgerOf();
    const names = Array.from({ length: 50 }, (_, index) => `job-${index}`);
    await Promise.all(
      names.map((name) =>
        ledger.making(job(name), async () => expect(await holds(), 'before it is made').to.include(name)),
      ),
    );
    expect(writes).to.be.within(1, 5);
  });

  it('says when a bill was asked for, to whoever leads next, and before it is', async () => {
    await ledgerOf().askingBill();
    expect(await ledgerOf().billAskedAt()).to.equal(now.getTime());
    expect((await stored())?.data, 'no account is made of it').to.deep.equal({});
  });

  it('keeps that beside accounts that are written at the same time', async () => {
    const ledger = ledgerOf();
    const making = Array.from({ length: 20 }, (_, index) =>
      ledger.making(job(`job-${index}`), async () => undefined),
    );
    await Promise.all([...making, ledger.askingBill()]);
    await ledger.making(job('later'), async () => undefined);
    expect(await ledgerOf().billAskedAt()).to.equal(now.getTime());
    expect(await holds()).to.have.length(21);
  });

  it('has nobody ask for a bill who led once', async () => {
    const [first, second] = [ledgerOf(), ledgerOf()];
    await first.billAskedAt();
    await second.askingBill();
    expect(await failure(first.askingBill())).to.be.instanceOf(ApiError);
    expect(await first.billAskedAt()).to.equal(now.getTime());
  });

  it('knows no time of a bill where somebody has written what is none', async () => {
    const metadata = {
      namespace: 'sb-system',
      name: LEDGER,
      annotations: { 'sb.abundant.ai/bill-asked': 'today' },
    };
    await kube.client.create(ConfigMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
    expect(await ledgerOf().billAskedAt()).to.equal(undefined);
  });

  it('is not there where nobody has a budget', async () => {
    await ledgerOf().close('default');
    expect(await stored()).to.equal(undefined);
  });

  it('lets nobody make a Job who led once, and then writes what the other has read', async () => {
    const [first, second] = [ledgerOf(), ledgerOf()];
    await first.making(job('a'), async () => undefined);
    await second.making(job('b'), async () => undefined);
    const made: string[] = [];
    const making = () => first.making(job('c'), async () => void made.push('c'));
    expect(await failure(making())).to.be.instanceOf(ApiError);
    expect(made).to.deep.equal([]);
    await making();
    expect(await holds()).to.have.members(['a', 'b', 'c']);
  });

  it('keeps no hold of a Job that the API server refuses, and one of which nobody knows', async () => {
    const ledger = ledgerOf();
    const fails = (status: number, reason: string) =>
      failure(
        ledger.making(job(reason), () => Promise.reject(new ApiError({ status, reason, message: 'no' }))),
      );
    await fails(403, 'Forbidden');
    await fails(500, 'InternalError');
    expect(Object.keys((await ledger.of('default')).holds)).to.deep.equal(['InternalError']);
  });

  it('keeps what was spent where a budget is taken away, and counts on from nothing', async () => {
    const ledger = ledgerOf();
    await ledger.making(job(), async () => undefined);
    await ledger.change('default', (account) => ({ ...account, spent: 7 }));
    await ledger.close('default');
    expect(readAccounts((await stored())?.data).get('default')).to.deep.include({ spent: 7, holds: {} });
  });

  it('forgets a month once another has begun and nothing runs', async () => {
    const ledger = ledgerOf();
    await ledger.making(job(), async () => undefined);
    await ledger.close('default');
    now = after(40 * 86_400);
    await ledger.write();
    expect((await stored())?.data).to.deep.equal({});
  });

  it('lets nobody spend where somebody has written what is no account', async () => {
    const metadata = { namespace: 'sb-system', name: LEDGER };
    await kube.client.create(ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { default: '{"spent":0}' },
    });
    const error = await failure(ledgerOf().making(job(), () => expect.fail('it was made')));
    expect(error.message).to.match(/^ConfigMap sb-system\/sb-budgets: key default holds no account/);
  });
});
