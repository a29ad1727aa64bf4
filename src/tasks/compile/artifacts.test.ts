import { expect } from 'chai';
import { artifactCopies } from './artifacts.ts';

describe('artifactCopies', () => {
  it('keeps a path under its own name, or under its destination', () => {
    expect(
      artifactCopies([
        { source: '/app/out/' },
        { source: '/a/b', destination: 'c' },
        { source: '/a/b', destination: 'd/' },
      ]).artifacts,
    ).to.deep.equal([
      { source: '/app/out', into: 'app/out' },
      { source: '/a/b', into: 'c' },
      { source: '/a/b', into: 'd/b' },
    ]);
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
    const copies = (...sources: string[]) => artifactCopies(sources.map((source) => ({ source }))).artifacts;
    expect(copies(...kept)).to.deep.equal([]);
    expect(copies('/logs/verifier/x', '/logsx')).to.deep.equal([
      { source: '/logs/verifier/x', into: 'logs/verifier/x' },
      { source: '/logsx', into: 'logsx' },
    ]);
  });

  it('takes the first of two artifacts with one destination, as Harbor does, and notes it', () => {
    const found = artifactCopies([
      { source: '/a', destination: 'c' },
      { source: '/b', destination: './c' },
    ]);
    expect(found.artifacts).to.deep.equal([{ source: '/a', into: 'c' }]);
    expect(found.notes).to.deep.equal(['artifact /b is left out: /a goes to output/c']);
  });

  for (const destination of ['../x', 'a/../..', '/etc', '.', 'a\nb'])
    it(`refuses the destination ${JSON.stringify(destination)}`, () => {
      const { artifacts, faults } = artifactCopies([{ source: '/x', destination }]);
      expect(artifacts).to.deep.equal([]);
      expect(faults[0]).to.match(/no path under output/);
    });
});
