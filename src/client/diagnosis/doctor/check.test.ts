import { expect } from 'chai';
import { ApiError } from '../../../kube/errors.ts';
import { CliError } from '../../failures/error.ts';
import { examine, withoutEchoes, fine, type Check, type Found } from './check.ts';
import type { CheckResult } from '../../documents/cluster.ts';

const check = (name: string, run: () => Promise<Found[]>): Check<undefined> => ({
  name,
  subject: `the ${name}`,
  run,
});
const throwing = (error: unknown): (() => Promise<Found[]>) => {
  return () => Promise.reject(error);
};
const resultOf = async (run: () => Promise<Found[]>): Promise<CheckResult | undefined> =>
  (await examine([check('roof', run)], undefined, 50))[0];

describe('A check', () => {
  it('runs beside the others and keeps its place among them', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const first = check('first', async () => {
      await released;
      return [fine('a')];
    });
    const second = check('second', async () => {
      release();
      return [fine('b'), fine('c')];
    });
    const results = await examine([first, second], undefined, 5000);
    expect(results.map((result) => `${result.check} ${result.what}`)).to.deep.equal([
      'first a',
      'second b',
      'second c',
    ]);
  });

  it('that takes too long is a problem', async () => {
    const result = await resultOf(() => new Promise(() => undefined));
    expect(result).to.include({ state: 'problem', why: 'no answer within 0.05 s' });
  });

  it('that is forbidden is a warning that says which permission it wants', async () => {
    const message =
      'GET /x: pods is forbidden: User "j" cannot list resource "pods" in API group "" in the namespace "a"';
    const result = await resultOf(throwing(new ApiError({ status: 403, reason: 'Forbidden', message })));
    expect(result).to.include({ state: 'warning', what: 'the roof could not be checked', code: 'SB-E006' });
    expect(result?.fix).to.include('kubectl create role sb-list-pods --verb=list --resource=pods -n a\n');
  });

  it('that throws what sb explains is that problem, with its page', async () => {
    const error = new CliError('SB-E009', { what: 'w', why: 'y', fix: 'f' });
    const wanted = { check: 'roof', state: 'problem', what: 'w', why: 'y', fix: 'f', code: 'SB-E009' };
    expect(await resultOf(throwing(error))).to.deep.equal(wanted);
  });

  it('that throws anything else could not be made', async () => {
    const broken = await resultOf(() => {
      throw new TypeError('oh');
    });
    expect(broken).to.include({ state: 'problem', what: 'the roof could not be checked', why: 'oh' });
    const refused = new ApiError({ status: 500, reason: 'InternalError', message: 'etcd' });
    expect(await resultOf(throwing(refused))).to.include({ state: 'problem', code: 'SB-E016' });
  });
});

describe('Results about a cluster that cannot be reached', () => {
  const results: CheckResult[] = [
    { check: 'api', state: 'problem', what: 'no', why: 'refused' },
    { check: 'nodes', state: 'problem', what: 'the nodes could not be checked', why: 'no answer', fix: 'f' },
    { check: 'disk', state: 'fine', what: 'room' },
  ];

  it('name the cause once', () => {
    const [api, nodes, disk] = withoutEchoes(results, 'api');
    expect([api, disk]).to.deep.equal([results[0], results[2]]);
    expect(nodes).to.deep.equal({
      check: 'nodes',
      state: 'skipped',
      what: 'the nodes could not be checked',
      why: 'the API server cannot be used',
    });
  });

  it('are left as they are where the API server is well', () => {
    expect(withoutEchoes(results.slice(1), 'api')).to.deep.equal(results.slice(1));
  });
});
