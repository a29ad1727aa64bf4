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

  it('leaves out what lies above or below an earlier place, and says so unless that brings it anyway', () => {
    const { artifacts, uncopied, notes } = artifactCopies([
      { source: '/app' },
      { source: '/app/x' },
      { source: '/etc', destination: 'app/etc' },
      { source: '/b/c', exclude: ['*.o'] },
      { source: '/b/c/d' },
      { source: '/b' },
    ]);
    expect(artifacts).to.deep.equal([
      { source: '/app', into: 'app' },
      { source: '/b/c', into: 'b/c', exclude: ['*.o'] },
    ]);
    expect(uncopied.map(({ source, place, why }) => [source, place, why])).to.deep.equal([
      ['/app/x', 'output/app/x', 'Skipped'],
      ['/etc', 'output/app/etc', 'Skipped'],
      ['/b/c/d', 'output/b/c/d', 'Skipped'],
      ['/b', 'output/b', 'Skipped'],
    ]);
    expect(notes).to.deep.equal([
      'artifact /etc is left out: /app goes to output/app',
      'artifact /b/c/d is left out: /b/c goes to output/b/c',
      'artifact /b is left out: /b/c goes to output/b/c',
    ]);
  });

  it('knows where what lies under /logs is kept, all of it', () => {
    const { uncopied, notes } = artifactCopies([
      { source: '/logs/artifacts/', exclude: ['*.pyc'] },
      { source: '/logs/artifacts/a' },
      { source: '/logs/agent/trace' },
      { source: '/logs/x' },
      { source: '/logs' },
    ]);
    expect(uncopied.map(({ place, why }) => `${why} ${place}`)).to.deep.equal([
      'Kept output',
      'Kept output/a',
      'Kept agent/trace',
      'Kept output/.logs/x',
      'Kept output/.logs',
    ]);
    expect(notes).to.deep.equal([
      'artifact /logs/artifacts: exclude has no effect under /logs, all of which is stored',
    ]);
  });

  it('leaves a relative path to be one of the working directory', () => {
    expect(artifactCopies([{ source: 'out/x/' }, { source: '.' }]).artifacts).to.deep.equal([
      { source: 'out/x', into: 'out/x' },
      { source: '.', into: 'workdir' },
    ]);
    expect(artifactCopies([{ source: '../x', destination: 'x' }]).faults).to.have.length(1);
  });

  for (const destination of ['manifest.json', '../x', 'a/../..', '/etc', '.', 'a\nb'])
    it(`refuses the destination ${JSON.stringify(destination)}`, () => {
      const { artifacts, faults } = artifactCopies([{ source: '/x', destination }]);
      expect(artifacts).to.deep.equal([]);
      expect(faults[0]).to.match(/no path under output/);
    });
});
