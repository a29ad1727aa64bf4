import { expect } from 'chai';
import fc from 'fast-check';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { folderOf, type Folder } from '../../../../test/support/folder.ts';
import { paxRecord, tarOf, type Written } from '../../../../test/support/sandbox/tar.ts';
import { BadTar } from './tar-entries.ts';
import { Harmful, unpackTar } from './unpack.ts';

const LIMITS = { maxBytes: 10_000, maxEntries: 20 };

async function* inPieces(bytes: Buffer, size = 700): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('An archive of a Sandbox', () => {
  let folder: Folder;
  let to: string;
  beforeEach(async () => {
    folder = await folderOf({});
    to = join(folder.path, 'to');
  });
  afterEach(() => folder.remove());

  const unpack = (entries: readonly Written[]) => unpackTar(inPieces(tarOf(entries)), to, LIMITS);
  const failure = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => expect.fail('it did not fail'),
      (error: unknown) => error,
    );
  /** Nothing came to be beside the folder. */
  const isContained = () => expect(readdirSync(folder.path)).to.deep.equal(['to']);

  it('becomes files, folders and links', async () => {
    const done = await unpack([
      { name: './', type: '5' },
      { name: 'a/', type: '5' },
      { name: 'a/run', body: 'run', mode: 0o4755 },
      { name: 'a/link', type: '2', target: '../b/c' },
      { name: 'b/c', body: 'c' },
    ]);
    expect(done).to.deep.equal({ entries: 5, bytes: 4, skipped: [] });
    expect(readFileSync(join(to, 'a/link'), 'utf8')).to.equal('c');
    expect(lstatSync(join(to, 'a/run')).mode & 0o7777).to.equal(0o755);
  });

  it('has names of any length, as PAX and GNU write them', async () => {
    const long = `${'d'.repeat(120)}/${'f'.repeat(120)}`;
    await unpack([
      { name: 'records', type: 'x', body: paxRecord('path', long) + paxRecord('mtime', '1.5') },
      { name: 'short', body: 'pax' },
      { name: 'name', type: 'L', body: `${long}2\0` },
      { name: 'short', body: 'gnu' },
    ]);
    expect(readFileSync(join(to, long), 'utf8')).to.equal('pax');
    expect(readFileSync(join(to, `${long}2`), 'utf8')).to.equal('gnu');
  });

  const HARMFUL: [what: string, entries: Written[]][] = [
    ['an absolute name', [{ name: '/tmp/x', body: 'x' }]],
    ['a name that leads out', [{ name: '../x', body: 'x' }]],
    ['a name that leads out later', [{ name: 'a/b/../../../x', body: 'x' }]],
    ['a name with a backslash', [{ name: '..\\x', body: 'x' }]],
    [
      'a name in records that leads out',
      [{ name: 'r', type: 'x', body: paxRecord('path', '../x') }, { name: 'x' }],
    ],
    [
      'a file below a link',
      [
        { name: 'a', type: '2', target: 'b' },
        { name: 'b/', type: '5' },
        { name: 'a/x', body: 'x' },
      ],
    ],
    [
      'a file and a folder of one name',
      [
        { name: 'a/', type: '5' },
        { name: 'a', body: 'x' },
      ],
    ],
    [
      'too many bytes',
      [
        { name: 'a', body: 'x'.repeat(6000) },
        { name: 'b', body: 'x'.repeat(6000) },
      ],
    ],
    ['too many entries', Array.from({ length: 21 }, (_, at) => ({ name: `f${at}` }))],
    [
      'folders that are too deep',
      [
        { name: 'r', type: 'x', body: paxRecord('path', 'd/'.repeat(200)) },
        { name: 'x', type: '5' },
      ],
    ],
    [
      'a name that is too long',
      [{ name: 'r', type: 'x', body: paxRecord('path', 'd'.repeat(300)) }, { name: 'x' }],
    ],
  ];
  for (const [what, entries] of HARMFUL)
    it(`is stopped for ${what}`, async () => {
      expect(await failure(unpack(entries))).to.be.instanceOf(Harmful);
      isContained();
    });

  const LEFT_OUT: [what: string, entry: Written][] = [
    ['a link to an absolute place', { name: 'a', type: '2', target: '/etc/passwd' }],
    ['a link that leads out', { name: 'a/b', type: '2', target: '../../x' }],
    ['a link that would lead out through another', { name: 'a/b', type: '2', target: 'c/../../x' }],
    ['a link to nowhere', { name: 'a', type: '2' }],
    ['a hard link', { name: 'a', type: '1', target: '/etc/passwd' }],
    ['a device', { name: 'a', type: '3' }],
    ['a FIFO', { name: 'a', type: '6' }],
  ];
  for (const [what, entry] of LEFT_OUT)
    it(`comes without ${what}, and says so`, async () => {
      const { skipped } = await unpack([entry, { name: 'kept', body: 'x' }]);
      expect(skipped.map(({ path }) => path)).to.deep.equal([entry.name]);
      expect(readdirSync(to)).to.deep.equal(['kept']);
    });

  it('writes through no link that lies there already', async () => {
    const outside = join(folder.path, 'outside');
    mkdirSync(to);
    mkdirSync(outside);
    writeFileSync(join(outside, 'file'), 'mine');
    symlinkSync(outside, join(to, 'a'));
    symlinkSync(join(outside, 'file'), join(to, 'f'));
    expect(await failure(unpack([{ name: 'a/x', body: 'x' }]))).to.be.instanceOf(Harmful);
    await unpack([
      { name: 'f', body: 'theirs' },
      { name: 'g', type: '2', target: 'f' },
    ]);
    expect(readFileSync(join(outside, 'file'), 'utf8')).to.equal('mine');
    expect(readFileSync(join(to, 'f'), 'utf8')).to.equal('theirs');
    expect(readlinkSync(join(to, 'g'))).to.equal('f');
    expect(readdirSync(outside)).to.deep.equal(['file']);
  });

  const BAD: [what: string, bytes: Buffer][] = [
    ['is cut within a file', tarOf([{ name: 'a', body: 'x'.repeat(2000) }]).subarray(0, 1000)],
    ['has no end', tarOf([{ name: 'a', body: 'x' }]).subarray(0, 1024)],
    ['is no archive', Buffer.alloc(1024, 'x')],
    ['says too much about one entry', tarOf([{ name: 'r', type: 'x', body: Buffer.alloc(70_000, 'x') }])],
    ['has damaged records', tarOf([{ name: 'r', type: 'x', body: '99 path=x\n' }])],
    [
      'has a size that is none',
      tarOf([{ name: 'r', type: 'x', body: paxRecord('size', '-1') }, { name: 'a' }]),
    ],
  ];
  for (const [what, bytes] of BAD)
    it(`is refused where it ${what}`, async () => {
      expect(await failure(unpackTar(inPieces(bytes), to, LIMITS))).to.be.instanceOf(BadTar);
    });

  it('is unpacked or refused, and never more than that, whatever its bytes', async () => {
    const good = tarOf([
      { name: 'a/', type: '5' },
      { name: 'a/file', body: 'contents' },
      { name: 'a/link', type: '2', target: 'file' },
    ]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }),
        fc.integer({ min: 1, max: 3000 }),
        async (changes, size) => {
          const bytes = Buffer.from(good);
          for (const [at, byte] of changes) bytes[at] = byte;
          await unpackTar(inPieces(bytes, size), to, LIMITS).catch((error: unknown) => {
            if (!(error instanceof BadTar) && !(error instanceof Harmful)) throw error;
          });
          isContained();
        },
      ),
      { numRuns: 200 },
    );
  });
});
