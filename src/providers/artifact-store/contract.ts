/** What every ArtifactStore keeps; run by each adapter’s tests. */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { problemOfPath } from '../../wire/upload-paths.ts';
import type { ProviderError } from '../errors.ts';
import type { SentRequest } from './memory-grants.ts';
import { originOf, type ArtifactStore, type PresignedRequest } from './port.ts';

export interface StoreUnderTest {
  /** An empty bucket. */
  store: ArtifactStore;
  /** Sends a presigned request as somebody without credentials. */
  send: (request: SentRequest) => Promise<{ status: number; body: Uint8Array }>;
  /** False for a bucket without versions; default: true. */
  versions?: boolean;
  /** Lets that many seconds go by. */
  pass: (seconds: number) => Promise<void>;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const described = (body: Uint8Array) => ({
  size: body.length,
  sha256: createHash('sha256').update(body).digest('hex'),
});

async function failure(work: Promise<unknown>): Promise<ProviderError> {
  return work.then(
    () => expect.fail('it did not fail'),
    (error: ProviderError) => error,
  );
}

async function keys(store: ArtifactStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix)) found.push(key);
  return found;
}

function objects(use: () => StoreUnderTest): void {
  it('returns what was stored', async () => {
    const { store } = use();
    await store.put('tasks/a/metadata.json', '{"a":"ä"}', { contentType: 'application/json' });
    expect(Buffer.from((await store.get('tasks/a/metadata.json', 100))!).toString()).to.equal('{"a":"ä"}');
    expect(await store.head('tasks/a/metadata.json')).to.include({ key: 'tasks/a/metadata.json', size: 10 });
  });

  it('answers undefined for an object that is not there', async () => {
    const { store } = use();
    expect(await store.get('absent', 100)).to.equal(undefined);
    expect(await store.head('absent')).to.equal(undefined);
  });

  it('keeps and lists every name that a courier may store', async () => {
    const { store, send } = use();
    const names = [
      'e\u0301',
      '\u00e9',
      'Case',
      'case',
      'dot.',
      ' space ',
      '...',
      '~',
      '-',
      '.hidden',
      '.sgwtmp.x',
      '.SGWTMP',
      '%2e%2e',
      '%00',
      'a%2Fb',
      'a+b',
      'q\'"(1)*!@$&=;:,?#[]{}|<>^`',
      '&amp;',
      ']]>',
      '\u{1f600}',
      '\u202e',
      '\u2028',
      '\ufffd',
      '\ufeff',
      '\u{10ffff}',
      'x'.repeat(255),
      `${'d/'.repeat(100)}deep`,
    ];
    for (const name of names) {
      const path = `output/${name}`;
      expect(problemOfPath(path), path).to.equal(undefined);
      const put = await store.presignPut(`trials/${path}`, described(bytes(name)), 60);
      expect((await send({ method: 'PUT', ...put, body: bytes(name) })).status, path).to.equal(200);
      expect(Buffer.from((await store.get(`trials/${path}`, 300))!).toString(), path).to.equal(name);
    }
    expect(await keys(store, 'trials/output/')).to.have.members(names.map((name) => `trials/output/${name}`));
  });

  it('replaces an object, and gives the new one another etag', async () => {
    const { store } = use();
    await store.put('replaced', 'one');
    const before = await store.head('replaced');
    await store.put('replaced', 'two');
    expect(Buffer.from((await store.get('replaced', 100))!).toString()).to.equal('two');
    expect((await store.head('replaced'))!.etag).to.not.equal(before!.etag);
  });

  it('names each contents of a key by a version of its own, where the bucket keeps versions', async () => {
    const { store, versions = true } = use();
    await store.put('versioned', 'one');
    const before = await store.head('versioned');
    expect((await store.head('versioned'))!.versionId).to.equal(before!.versionId);
    await store.put('versioned', 'one');
    const after = await store.head('versioned');
    if (versions) expect(after!.versionId).to.be.a('string').that.does.not.equal(before!.versionId);
    else expect([before!.versionId, after!.versionId]).to.deep.equal([undefined, undefined]);
  });

  it('writes with ifAbsent once, and says PreconditionFailed from then on', async () => {
    const { store } = use();
    await store.put('once', 'first', { ifAbsent: true });
    const error = await failure(store.put('once', 'second', { ifAbsent: true }));
    expect(error.reason).to.equal('PreconditionFailed');
    expect(Buffer.from((await store.get('once', 100))!).toString()).to.equal('first');
  });

  it('writes with ifMatch over what has that etag, and says PreconditionFailed otherwise', async () => {
    const { store } = use();
    const first = await store.put('matched', 'first');
    expect(first).to.equal((await store.head('matched'))!.etag);
    const second = await store.put('matched', 'second', { ifMatch: first });
    expect(second)
      .to.equal((await store.head('matched'))!.etag)
      .and.not.to.equal(first);
    const late = await failure(store.put('matched', 'late', { ifMatch: first }));
    const gone = await failure(store.put('unmatched', 'x', { ifMatch: first }));
    expect([late.reason, gone.reason]).to.deep.equal(['PreconditionFailed', 'PreconditionFailed']);
    expect(Buffer.from((await store.get('matched', 100))!).toString()).to.equal('second');
    expect(await store.head('unmatched')).to.equal(undefined);
  });

  it('lets exactly one of many concurrent ifAbsent writers win', async () => {
    const { store } = use();
    const tries = Array.from({ length: 8 }, (_, i) => store.put('raced', `writer ${i}`, { ifAbsent: true }));
    const results = await Promise.allSettled(tries);
    expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
  });
}

function bounds(use: () => StoreUnderTest): void {
  it('returns an object of exactly the limit, and TooLarge past it', async () => {
    const { store } = use();
    await store.put('large', Buffer.alloc(300_000));
    expect(await store.get('large', 300_000)).to.have.length(300_000);
    expect((await failure(store.get('large', 299_999))).reason).to.equal('TooLarge');
  });

  it('deletes, and is content where nothing is left to delete', async () => {
    const { store } = use();
    await store.put('doomed', 'x');
    await store.delete('doomed');
    await store.delete('doomed');
    expect(await store.head('doomed')).to.equal(undefined);
  });

  it('lists every key under a prefix in key order, however many there are', async () => {
    const { store } = use();
    const names = Array.from({ length: 1_050 }, (_, i) => `many/${String(i).padStart(4, '0')}`);
    for (let i = 0; i < names.length; i += 50) {
      await Promise.all(names.slice(i, i + 50).map((name) => store.put(name, '')));
    }
    await store.put('manyother', 'x');
    expect(await keys(store, 'many/')).to.deep.equal(names);
    expect(await keys(store, 'nothing/')).to.deep.equal([]);
  });

  it('keeps odd keys apart', async () => {
    const { store } = use();
    const odd = ['odd/a b', 'odd/a+b', 'odd/a%20b', 'odd/ä', 'odd/q?x=1&y', "odd/'(1)!*"];
    for (const key of odd) await store.put(key, key);
    for (const key of odd) expect(Buffer.from((await store.get(key, 100))!).toString()).to.equal(key);
    expect((await keys(store, 'odd/')).sort()).to.deep.equal(odd.toSorted());
  });
}

const sendPut =
  (use: () => StoreUnderTest) =>
  (request: PresignedRequest, body: Uint8Array, headers = request.headers) =>
    use().send({ method: 'PUT', url: request.url, headers, body });

function presigned(use: () => StoreUnderTest): void {
  const put = sendPut(use);

  it('presigns a GET that anyone may send', async () => {
    const { store, send } = use();
    await store.put('task b/task.zip', 'zip');
    const { url, headers } = await store.presignGet('task b/task.zip', 60);
    const answer = await send({ method: 'GET', url, headers });
    expect([answer.status, Buffer.from(answer.body).toString()]).to.deep.equal([200, 'zip']);
  });

  it('presigns a GET of nothing as 404', async () => {
    const { store, send } = use();
    expect((await send({ method: 'GET', ...(await store.presignGet('nothing', 60)) })).status).to.equal(404);
  });

  it('presigns a PUT of one file', async () => {
    const { store } = use();
    const body = bytes('hello');
    const request = await store.presignPut(
      'up/a b.txt',
      { ...described(body), contentType: 'text/plain' },
      60,
    );
    expect((await put(request, body)).status).to.equal(200);
    expect(await store.head('up/a b.txt')).to.include({ size: 5 });
  });

  it('names the origin of everything that it presigns', async () => {
    const { store } = use();
    const urls = [
      await store.presignGet('a b/ä', 60),
      await store.presignPut('@evil.example/x', described(bytes('x')), 60),
    ].map(({ url }) => originOf(url));
    expect(new Set(urls)).to.deep.equal(new Set(await store.origins()));
  });

  it('presigns a PUT of an empty file', async () => {
    const { store } = use();
    const request = await store.presignPut('up/empty', described(bytes('')), 60);
    expect((await put(request, bytes(''))).status).to.equal(200);
    expect(await store.head('up/empty')).to.include({ size: 0 });
  });
}

function refusals(use: () => StoreUnderTest): void {
  const put = sendPut(use);

  it('refuses other contents of the same size', async () => {
    const { store } = use();
    const request = await store.presignPut('up/forged', described(bytes('hello')), 60);
    expect((await put(request, bytes('hullo'))).status).to.be.within(400, 403);
    expect(await store.head('up/forged')).to.equal(undefined);
  });

  it('refuses another size or checksum than was signed', async () => {
    const { store } = use();
    const other = bytes('longer than that');
    const request = await store.presignPut('up/resized', described(bytes('hello')), 60);
    const headers = {
      'content-length': String(other.length),
      'x-amz-checksum-sha256': Buffer.from(described(other).sha256, 'hex').toString('base64'),
    };
    expect((await put(request, other, headers)).status).to.equal(403);
    expect(await store.head('up/resized')).to.equal(undefined);
  });

  it('refuses a presigned GET for another key or method', async () => {
    const { store, send } = use();
    await store.put('mine', 'x');
    await store.put('others', 'x');
    const { url } = await store.presignGet('mine', 60);
    const altered = url.replace('/mine?', '/others?');
    expect((await send({ method: 'GET', url: altered, headers: {} })).status).to.equal(403);
    expect((await send({ method: 'PUT', url, headers: {}, body: bytes('y') })).status).to.equal(403);
  });

  it('refuses a presigned request after its time', async () => {
    const { store, send, pass } = use();
    await store.put('brief', 'x');
    const { url, headers } = await store.presignGet('brief', 1);
    await pass(2.1);
    expect((await send({ method: 'GET', url, headers })).status).to.be.within(400, 403);
  });
}

/** Runs the contract on the store that `use` returns; it is asked anew in each test. */
export function artifactStoreContract(use: () => StoreUnderTest): void {
  describe('objects', () => {
    objects(use);
    bounds(use);
  });
  describe('presigned requests', () => {
    presigned(use);
    refusals(use);
  });
  it('names objects by s3:// URIs', () => {
    const { store } = use();
    expect(store.uri('a/b c')).to.equal(`s3://${store.bucket}/a/b c`);
    expect(store.link('a/b c')).to.contain('a').and.not.contain(' ');
  });
}
