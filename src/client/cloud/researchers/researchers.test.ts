import { expect } from 'chai';
import { configMap } from '../../../../test/support/kube.ts';
import { world, type World } from '../../../../test/support/client/world.ts';
import { recordedIo } from '../../../../test/support/terminal/recorded.ts';
import { add, budget, list, remove } from '../../../cli/cloud/researcher.ts';
import { newAccount } from '../../../budget/account.ts';
import { writtenAccounts } from '../../../budget/stored.ts';
import { LEDGER } from '../../../crds/names.ts';
import { MONTHLY_BUDGET, monthlyBudget } from '../../../crds/namespace-rules.ts';
import { RESEARCHER_ROLE, researcherObjects, type Bounds } from '../../../installation/researcher.ts';
import { ConfigMap, Namespace } from '../../../kube/kinds.ts';
import { CliError } from '../../failures/error.ts';
import { kindOf } from '../cluster/apply.ts';
import { addResearcher, findResearchers, removeResearcher } from './researchers.ts';

const BOUNDS: Bounds = { cpu: '64', memory: '256Gi', gpus: '0', storage: '500Gi' };
const ADA = { name: 'ada', monthly: '200', bounds: BOUNDS };
const ROLE = 'arn:aws:iam::123456789012:role/ada';

describe('Researchers', () => {
  let w: World;
  beforeEach(async () => {
    w = await world();
  });
  afterEach(() => w.close());

  const namespace = (name = 'ada') => w.session.kube.get(Namespace, { namespace: '', name });
  const printing = (format: 'json' | 'table' = 'table') => ({ io: recordedIo(), format });
  const flags = { monthly: '200', ...BOUNDS };
  const failure = async (done: Promise<unknown>): Promise<CliError> => {
    const error = await done.catch((thrown: unknown) => thrown);
    return error instanceof CliError ? error : expect.fail(`no CliError: ${String(error)}`);
  };

  const spend = (micros: number, extra = 0): void => {
    const account = { ...newAccount(w.session.now().getTime()), spent: micros, extra };
    const { metadata, ...ledger } = configMap(LEDGER, writtenAccounts(new Map([['ada', account]])));
    w.haveOf(ConfigMap, {
      ...ledger,
      metadata: { ...metadata, namespace: 'sb-system', resourceVersion: '1' },
    });
  };

  it('get everything that they have to have, as often as one asks', async () => {
    for (let time = 0; time < 2; time++) await add(w.session, 'ada', { flags, ...printing() });
    for (const object of researcherObjects(ADA)) {
      const { namespace: of = '', name } = object.metadata;
      expect(await w.session.kube.get(kindOf(object), { namespace: of, name }), name).to.not.equal(undefined);
    }
  });

  it('may change nothing that bounds them, and make no Pod', () => {
    const rules = researcherObjects(ADA).flatMap((object) =>
      'rules' in object ? (object.rules as { resources: string[]; verbs: string[] }[]) : [],
    );
    const changed = rules.filter(({ verbs }) =>
      verbs.some((verb) => !['get', 'list', 'watch'].includes(verb)),
    );
    expect(changed.flatMap(({ resources }) => resources)).to.deep.equal(['configmaps', 'secrets']);
  });

  it('are let in last, as members of their group alone, and let in no more before their namespace goes', async () => {
    const calls: string[] = [];
    const access = {
      grant: async (role: string, groups: readonly string[]) => {
        calls.push(`grant ${role} ${groups.join()} ${(await namespace()) ? 'there' : 'not there'}`);
        return 'granted' as const;
      },
      revoke: async (role: string) => {
        calls.push(`revoke ${role} ${(await namespace()) ? 'there' : 'not there'}`);
      },
    };
    await addResearcher(w.session.kube, { ...ADA, role: ROLE }, access);
    expect((await namespace())?.metadata.annotations?.[RESEARCHER_ROLE]).to.equal(ROLE);
    const [ada] = await findResearchers(w.session.kube, 'sb-system', w.session.now());
    await removeResearcher(w.session.kube, ada!, access);
    expect(calls).to.deep.equal([`grant ${ROLE} sb:researcher:ada there`, `revoke ${ROLE} there`]);
  });

  it('are nobody whom the cluster lets in as somebody else', async () => {
    const access = { grant: async () => 'taken' as const, revoke: async () => undefined };
    const error = await failure(addResearcher(w.session.kube, { ...ADA, role: ROLE }, access));
    expect([error.code, error.what]).to.deep.equal(['SB-E134', `${ROLE} is not let in as ada`]);
  });

  it('do not get a namespace that was there before', async () => {
    w.haveOf(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } });
    const error = await failure(add(w.session, 'kube-system', { flags, ...printing() }));
    expect(error.what).to.equal('namespace kube-system is no researcher’s');
    expect((await namespace('kube-system'))?.metadata).to.not.have.property('annotations');
  });

  const WRONG: [title: string, name: string, change: object, what: string][] = [
    ['a name', 'Ada', {}, 'the name cannot be Ada'],
    ['a budget', 'ada', { monthly: '$5' }, '--monthly cannot be $5'],
    ['a role', 'ada', { role: 'ada' }, '--role cannot be ada'],
    ['an amount', 'ada', { memory: 'much' }, '--memory cannot be much'],
  ];
  for (const [title, name, change, what] of WRONG)
    it(`are refused for ${title} that is none, before anything is made`, async () => {
      const error = await failure(add(w.session, name, { flags: { ...flags, ...change }, ...printing() }));
      expect([error.code, error.what]).to.deep.equal(['SB-E036', what]);
      expect(await namespace(name)).to.equal(undefined);
    });

  it('are listed with what they have spent of this month', async () => {
    await add(w.session, 'ada', { flags, ...printing() });
    spend(100_000_000, 50_000_000);
    const table = printing();
    await list(w.session, table);
    expect(table.io.terminal.stdout).to.match(/ada +\$150\.00 of \$200\.00 \(75 %\) +2026-01 +ok/);
    const json = printing('json');
    await list(w.session, json);
    expect(JSON.parse(json.io.terminal.stdout)).to.deep.equal([
      {
        researcher: 'ada',
        group: 'sb:researcher:ada',
        role: null,
        monthly_budget_usd: 200,
        month: '2026-01',
        spent_usd: 150,
        exceeded: false,
      },
    ]);
  });

  it('have their budget changed, and nothing else', async () => {
    await add(w.session, 'ada', { flags, ...printing() });
    const before = await namespace();
    await budget(w.session, 'ada', { monthly: '400', ...printing() });
    const after = await namespace();
    expect(monthlyBudget(after?.metadata)).to.equal(400_000_000);
    expect(after?.metadata.labels).to.deep.equal({ ...before?.metadata.labels, [MONTHLY_BUDGET]: '400' });
    expect(after?.metadata.annotations).to.deep.equal(before?.metadata.annotations);
    expect((await failure(budget(w.session, 'eve', { monthly: '400', ...printing() }))).what).to.equal(
      'there is no researcher eve',
    );
  });

  it('are deleted where their name was typed, and nobody else ever', async () => {
    await add(w.session, 'ada', { flags, ...printing() });
    expect((await failure(remove(w.session, 'ada', { flags: {}, ...printing() }))).code).to.equal('SB-E128');
    expect(
      (await failure(remove(w.session, 'ada', { flags: { confirm: 'eve' }, ...printing() }))).code,
    ).to.equal('SB-E128');
    expect(await namespace()).to.not.equal(undefined);
    await remove(w.session, 'ada', { flags: { confirm: 'ada' }, ...printing() });
    expect(await namespace()).to.equal(undefined);
    expect(
      (await failure(remove(w.session, 'default', { flags: { confirm: 'default' }, ...printing() }))).code,
    ).to.equal('SB-E134');
  });
});
