import { expect } from 'chai';
import { CliError } from '../../failures/error.ts';
import { LATEST, pick } from './pick.ts';

type Wanted = Parameters<typeof pick>[1];

describe('Naming a run or Trial', () => {
  const all = ['nightly', 'nightly-r1', 'demo-20260101'].map((name, at) => ({ name, createdAt: at }));
  const wanted = (name: string, kind: Wanted['kind'] = 'run'): Wanted => ({ name, kind, namespace: 'evals' });
  const failure = (name: string, kind?: Wanted['kind']): CliError => {
    try {
      pick(all, wanted(name, kind));
    } catch (error) {
      return error as CliError;
    }
    throw new Error('it was found');
  };

  it('takes a full name even where another begins with it', () =>
    expect(pick(all, wanted('nightly')).name).to.equal('nightly'));

  it('takes the beginning that fits one alone', () =>
    expect(pick(all, wanted('demo')).name).to.equal('demo-20260101'));

  it('takes the newest for @latest', () => expect(pick(all, wanted(LATEST)).name).to.equal('demo-20260101'));

  it('lists the candidates where several begin so', () => {
    const { code, why, fix } = failure('night');
    expect(code).to.equal('SB-E091');
    expect(why).to.equal('2 begin so: nightly, nightly-r1');
    expect(fix).to.include('sb run show nightly');
  });

  it('says where it looked when there is none', () => {
    const { code, why, exit } = failure('other', 'trial');
    expect(code).to.equal('SB-E090');
    expect(exit).to.equal(2);
    expect(why).to.include('no Trial of namespace evals');
    expect(failure('').code).to.equal('SB-E090');
  });

  it('says that there is nothing at all for @latest', () => {
    expect(() => pick([], wanted(LATEST))).to.throw(
      CliError,
      'there is no run yet: namespace evals has none',
    );
  });
});
