import { expect } from 'chai';
import { artifactsOf } from './artifacts.ts';

describe('artifactsOf', () => {
  it('keeps a path under its own name, or under its destination', () => {
    expect(
      artifactsOf(
        [],
        ['/app/out/', { source: '/a/b', destination: 'c' }, { source: '/a/b', destination: 'd/' }],
      ).artifacts,
    ).to.deep.equal([
      { source: '/app/out', into: 'app/out' },
      { source: '/a/b', into: 'c' },
      { source: '/a/b', into: 'd/b' },
    ]);
  });

  it('takes the Trial’s list in place of the task’s', () => {
    expect(artifactsOf([{ source: '/x' }], ['/y']).artifacts).to.deep.equal([{ source: '/x', into: 'x' }]);
  });

  it('copies nothing that is kept anyway', () => {
    const kept = [
      '/logs',
      '/logs/artifacts',
      '/logs/artifacts/x',
      '/logs/x',
      '/logs/agent/trace',
      '/tmp/../logs/y',
    ];
    expect(artifactsOf([], kept).artifacts).to.deep.equal([]);
    expect(artifactsOf([], ['/logs/verifier/x', '/logsx']).artifacts).to.deep.equal([
      { source: '/logs/verifier/x', into: 'logs/verifier/x' },
      { source: '/logsx', into: 'logsx' },
    ]);
  });

  it('takes the first of two artifacts with one destination, as Harbor does, and notes it', () => {
    const found = artifactsOf(
      [],
      [
        { source: '/a', destination: 'c' },
        { source: '/b', destination: './c' },
      ],
    );
    expect(found.artifacts).to.deep.equal([{ source: '/a', into: 'c' }]);
    expect(found.notes).to.deep.equal(['artifact /b is left out: /a goes to output/c']);
  });

  for (const destination of ['../x', 'a/../..', '/etc', '.', 'a\nb'])
    it(`refuses the destination ${JSON.stringify(destination)}`, () => {
      expect(() => artifactsOf([{ source: '/x', destination }], [])).to.throw(/no path under output/);
    });
});
