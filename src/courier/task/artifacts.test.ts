import { expect } from 'chai';
import { artifactsOf } from './artifacts.ts';

describe('artifactsOf', () => {
  it('keeps a path under its own name, or under its destination', () => {
    expect(
      artifactsOf(
        [],
        ['/app/out/', { source: '/a/b', destination: 'c' }, { source: '/a/b', destination: 'd/' }],
      ),
    ).to.deep.equal([
      { source: '/app/out', into: 'app/out' },
      { source: '/a/b', into: 'c' },
      { source: '/a/b', into: 'd/b' },
    ]);
  });

  it('takes the Trial’s list in place of the task’s', () => {
    expect(artifactsOf([{ source: '/x' }], ['/y'])).to.deep.equal([{ source: '/x', into: 'x' }]);
  });

  it('copies nothing that is kept anyway', () => {
    expect(artifactsOf([], ['/logs/artifacts', '/logs/artifacts/x'])).to.deep.equal([]);
  });

  for (const destination of ['../x', 'a/../..', '/etc', '.', 'a\nb'])
    it(`refuses the destination ${JSON.stringify(destination)}`, () => {
      expect(() => artifactsOf([{ source: '/x', destination }], [])).to.throw(/no path under output/);
    });
});
