import { expect } from 'chai';
import type { Manifest, Skipped } from '../../wire/uploads.ts';
import { entriesOf, layoutOf, missingIn, readEntries, readManifest } from './layout.ts';

const file = (path: string) => ({ path, size: 1, sha256: 'a'.repeat(64) });

const aManifest = (over: Partial<Manifest> = {}): Manifest => ({
  version: 1,
  trial: { namespace: 'default', name: 'first', uid: 'u', attempt: 1 },
  files: [],
  skipped: [],
  links: [],
  folders: [],
  ...over,
});

describe('the layout of what an agent left', () => {
  it('is where it lay in /logs, without what was never the agent’s', () => {
    const files = [
      'agent/trace',
      'output/app/answer',
      'output/manifest.json',
      'output/.logs/artifacts/manifest.json',
      'output/.logs/other/x',
      'output/.logs/verifier/planted',
      'verifier/reward.txt',
      'trial.log',
      'steps/one/output/x',
    ].map(file);
    const folders = ['output', 'agent', 'verifier', 'output/deep/empty'];
    const links = [{ path: 'output/app/link', target: 'answer' }];
    const layout = layoutOf(aManifest({ files, folders, links }), undefined);
    expect(layout.files.map(({ path, stored }) => [path, stored])).to.deep.equal([
      ['agent/trace', 'agent/trace'],
      ['artifacts/app/answer', 'output/app/answer'],
      ['artifacts/manifest.json', 'output/.logs/artifacts/manifest.json'],
      ['other/x', 'output/.logs/other/x'],
      ['verifier/planted', 'output/.logs/verifier/planted'],
    ]);
    expect(layout.folders).to.deep.equal(['artifacts', 'agent', 'artifacts/deep/empty']);
    expect(layout.links).to.deep.equal([{ path: 'artifacts/app/link', target: 'answer' }]);
  });

  it('is of one step alone', () => {
    const files = ['steps/one/output/x', 'steps/two/output/y', 'output/z'].map(file);
    const { files: found } = layoutOf(aManifest({ files }), 'two');
    expect(found.map(({ path, stored }) => [path, stored])).to.deep.equal([
      ['artifacts/y', 'steps/two/output/y'],
    ]);
  });

  it('has no more files than a Trial may store', () => {
    const files = Array.from({ length: 50_001 }, (_, index) => file(`output/${index}`));
    expect(() => layoutOf(aManifest({ files }), undefined)).to.throw(/more than any Trial stores/);
  });

  const broken: [what: string, manifest: object | string][] = [
    ['no JSON', '{'],
    ['nothing', 'null'],
    ['of an older operator', { ...aManifest(), links: undefined }],
    ['with a size that is none', aManifest({ files: [{ ...file('agent/x'), size: -1 }] })],
    ['with a path that is none', aManifest({ files: [file(7 as never)] })],
    ['with a path that leads out', aManifest({ files: [file('agent/../../x')] })],
    ['with a folder that leads out', aManifest({ folders: ['../x'] })],
    [
      'with a link that leads out by its own path',
      aManifest({ links: [{ path: 'agent/../../x', target: 'y' }] }),
    ],
    ['with a path of the operator', aManifest({ files: [file('result.json')] })],
  ];
  for (const [what, manifest] of broken)
    it(`cannot be made of a manifest ${what}`, () => {
      const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
      expect(() => readManifest(text))
        .to.throw()
        .with.property('reason', 'SourceUnusable');
    });
});

describe('what is missing of an agent’s work', () => {
  const step = {
    artifacts: [{ source: '/app/tree', into: 'app/tree' }],
    uncopied: [{ source: '/logs/other', place: 'output/.logs/other', why: 'Kept' as const }],
  };
  const missing = (path: string, reason: Skipped['reason'], links: Manifest['links'] = []) =>
    missingIn(layoutOf(aManifest({ skipped: [{ path, reason }], links }), undefined), step);

  it('is what its verifier was given, and was not stored', () => {
    expect(missing('output/app/tree/large', 'TooLarge')).to.equal('artifacts/app/tree/large (TooLarge)');
    expect(missing('output/app', 'TooDeep')).to.equal('artifacts/app (TooDeep)');
    expect(missing('output/.logs/other/x', 'Refused')).to.equal('other/x (Refused)');
    expect(missing('output/x', 'Symlink')).to.equal('artifacts/x (Symlink)');
    expect(missing('and more', 'TooMany')).to.equal('more than manifest.json lists');
  });

  it('is nothing that never crosses, that nobody asked for, or that is known to be a link', () => {
    for (const reason of ['Fifo', 'Device', 'Socket'] as const)
      expect(missing('output/app/tree/x', reason)).to.equal(undefined);
    expect(missing('agent/large', 'TooLarge')).to.equal(undefined);
    expect(missing('output/a\\b', 'Unreadable')).to.equal(undefined);
    expect(missing('output/x', 'Symlink', [{ path: 'output/x', target: 'y' }])).to.equal(undefined);
    expect(missing('and more', 'Symlink')).to.equal(undefined);
  });
});

describe('the artifacts of a source', () => {
  const entry = {
    source: '/app/x',
    destination: 'artifacts/app/x',
    type: 'directory',
    status: 'ok',
    exclude: ['a', 'b'],
  };
  const entries = readEntries(JSON.stringify([entry]));
  const of = (into: string, exclude: string[], source = '/app/x') =>
    entriesOf(entries, { artifacts: [{ source, into, exclude }] });

  it('are those that are declared, whatever the order of what they are without', () => {
    expect(of('app/x', ['b', 'a'])).to.deep.equal([entry]);
    expect(entriesOf(readEntries(undefined), { artifacts: [] })).to.deep.equal([]);
  });

  it('are no others', () => {
    for (const call of [
      () => of('app/y', ['a', 'b']),
      () => of('app/x', []),
      () => of('app/x', ['a', 'b'], '/app/y'),
    ])
      expect(call).to.throw().with.property('reason', 'SourceMismatch');
    const skipped = readEntries(JSON.stringify([{ ...entry, status: 'skipped' }]));
    expect(() => entriesOf(skipped, { artifacts: [{ source: '/app/x', into: 'app/x' }] })).to.throw();
  });

  it('cannot be told by a list that is none', () => {
    for (const text of ['{', '{}', '[{}]'])
      expect(() => readEntries(text))
        .to.throw()
        .with.property('reason', 'SourceUnusable');
  });
});
