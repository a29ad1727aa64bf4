import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { newAccount, type Account } from '../../src/budget/account.ts';
import { readAccounts, writtenAccounts } from '../../src/budget/stored.ts';
import { LEDGER } from '../../src/crds/names.ts';
import { MONTHLY_BUDGET, USER_ID } from '../../src/crds/namespace-rules.ts';
import { ConfigMap, Event, Namespace } from '../../src/kube/kinds.ts';
import { memoryArtifactStore } from '../../src/providers/artifact-store/memory.ts';
import { memoryCosts } from '../../src/providers/costs/memory.ts';
import { memoryImageBuilder } from '../../src/providers/image-builder/memory.ts';
import { memoryImageRegistry } from '../../src/providers/image-registry/memory.ts';
import { storedLogLinks } from '../../src/providers/log-links/stored.ts';
import { ApiServer } from '../support/api-server.ts';
import { configMap, connectTo, fastClock, recordingLog, until } from '../support/kube.ts';
import { TestOperator } from '../support/operator.ts';

const NOW = new Date('2026-11-30T12:00:00Z');
const DOLLAR = 1_000_000;
const SYSTEM = 'sb-system';
/** What is done at once has been done by then, ten times. */
const SOON_MS = 300;

/** A cluster where `ada` has a budget of four dollars, two of which were counted before this day. */
async function cluster() {
  const server = await ApiServer.start();
  const costs = memoryCosts();
  const account: Account = {
    ...newAccount(NOW.getTime()),
    spent: 2 * DOLLAR,
    day: { of: '2026-11-30', spent: 2 * DOLLAR },
  };
  const { metadata, ...written } = configMap(LEDGER, writtenAccounts(new Map([['ada', account]])));
  server.collection(ConfigMap).create({ ...written, metadata: { ...metadata, namespace: SYSTEM } });
  server.collection(Namespace).create({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: 'ada',
      labels: { [USER_ID]: 'ada', [MONTHLY_BUDGET]: '4' },
    },
  });
  const ledger = (): ConfigMap =>
    [...server.collection(ConfigMap).objects.values()].find(
      (object) => object.metadata.name === LEDGER,
    ) as unknown as ConfigMap;
  return { server, costs, ledger, account: () => readAccounts(ledger().data).get('ada') };
}

describe('an operator that asks what is charged', () => {
  let one: Awaited<ReturnType<typeof cluster>>;
  const ending: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    one = await cluster();
  });
  afterEach(async () => {
    for (const end of ending.splice(0)) await end();
    await one.server.close();
  });

  async function start({ asks = true } = {}): Promise<TestOperator> {
    const kube = connectTo(one.server, { clock: fastClock(10), log: recordingLog() });
    const operator = new TestOperator({
      kube,
      artifacts: memoryArtifactStore(),
      registry: memoryImageRegistry(),
      builder: memoryImageBuilder(),
      logLinks: storedLogLinks(),
      repository: 'registry.test/sandboxes',
      ...(asks && { costs: one.costs }),
      now: () => NOW,
    });
    await operator.start();
    ending.push(async () => {
      await operator.stop();
      await kube.close();
    });
    return operator;
  }
  const isAsked = () => one.ledger().metadata.annotations?.['sb.abundant.ai/bill-asked'] !== undefined;

  it('has it in the ledger, and the namespace told, within the looks of a moment', async () => {
    one.costs.charge({ day: '2026-11-29', tag: 'ada', micros: 5 * DOLLAR });
    await start();
    await until('the bill is in the ledger', () => one.account()?.extra === 3 * DOLLAR);
    expect(one.account()).to.include({ spent: 2 * DOLLAR, spentSince: NOW.getTime() });
    const notes = () =>
      [...one.server.collection(Event).objects.values()].map((event) => JSON.stringify(event));
    await until('it is told', () => notes().some((note) => note.includes('BudgetExceeded')));
    expect(notes().join()).to.contain('$5.00 ($3.00 of it by the bill) of the namespace’s budget of $4.00');
  });

  it('asks once, whoever leads next', async () => {
    await start();
    await until('it was asked', isAsked);
    await ending.pop()?.();
    const next = await start();
    await next.whenSynced();
    await until('the next one leads', () => next.leading);
    await sleep(SOON_MS);
    expect(one.costs.asked).to.have.length(1);
  });

  it('asks nothing where no setting says so', async () => {
    one.costs.charge({ day: '2026-11-29', tag: 'ada', micros: 5 * DOLLAR });
    const operator = await start({ asks: false });
    await until('it leads', () => operator.leading);
    await sleep(SOON_MS);
    expect([one.costs.asked, isAsked()]).to.deep.equal([[], false]);
  });
});
