import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { useScriptedServer } from '../../../test/support/http.ts';
import { skipWithout, startProgram, type Running } from '../../../test/support/programs.ts';
import { startVersitygw, VERSITYGW } from '../../../test/support/versitygw.ts';
import { isUnlisted } from '../../wire/upload-paths.ts';
import type { ProviderError } from '../errors.ts';
import { artifactStoreContract } from './contract.ts';
import type { SentRequest } from './memory-grants.ts';
import type { ArtifactStore } from './port.ts';
import { presignSeconds, s3ArtifactStore, type S3Settings } from './s3.ts';
import { objectLink } from './s3-link.ts';

const BUCKET = 'artifacts';
const SHA256_OF_X = createHash('sha256').update('x').digest('hex');
const credentials = { accessKeyId: VERSITYGW.accessKeyId, secretAccessKey: VERSITYGW.secretAccessKey };
const storeAt = (endpoint: string, bucket = BUCKET): ArtifactStore =>
  s3ArtifactStore({ bucket, region: VERSITYGW.region, endpoint, credentials });

async function send({ method, url, headers, body }: SentRequest) {
  const answer = await request(url, {
    method,
    headers,
    body: method === 'PUT' ? Buffer.from(body ?? []) : null,
  });
  return { status: answer.statusCode, body: new Uint8Array(await answer.body.arrayBuffer()) };
}

const failure = (work: Promise<unknown>): Promise<ProviderError> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: ProviderError) => error,
  );

/** versitygw with a bucket that keeps versions. */
async function startVersioned(): Promise<Running | undefined> {
  const server = await startProgram('versitygw', async (address, folder) => {
    for (const name of ['objects', 'versions']) await mkdir(join(folder, name));
    return {
      args: [
        '--quiet',
        '--port',
        address,
        'posix',
        '--versioning-dir',
        join(folder, 'versions'),
        join(folder, 'objects'),
      ],
      env: { ROOT_ACCESS_KEY: VERSITYGW.accessKeyId, ROOT_SECRET_KEY: VERSITYGW.secretAccessKey },
    };
  });
  if (!server) return undefined;
  const client = new S3Client({
    region: VERSITYGW.region,
    endpoint: `http://${server.address}`,
    forcePathStyle: true,
    credentials,
  });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await client.send(new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration }));
  client.destroy();
  return server;
}

describe('s3 ArtifactStore on versitygw', () => {
  let server: Running | undefined;
  let store: ArtifactStore;

  before(async function () {
    server = await startVersitygw(BUCKET);
    if (!server) skipWithout('versitygw', this);
    store = storeAt(`http://${server.address}`);
  });
  after(() => server?.stop());

  const pass = (seconds: number): Promise<void> => sleep(seconds * 1000);
  describe('without versions', () => {
    artifactStoreContract(() => ({ store, send, pass, versions: false }));
  });
  describe('with versions', () => {
    let versioned: Running | undefined;
    before(async function () {
      versioned = await startVersioned();
      if (!versioned) skipWithout('versitygw', this);
    });
    after(() => versioned?.stop());
    artifactStoreContract(() => ({ store: storeAt(`http://${versioned!.address}`), send, pass }));
  });

  it('has names of its own, and no file where a folder is: what couriers leave out', async () => {
    const put = async (key: string): Promise<number> => {
      const { url, headers } = await store.presignPut(key, { size: 1, sha256: SHA256_OF_X }, 60);
      return (await send({ method: 'PUT', url, headers, body: Buffer.from('x') })).status;
    };
    expect(await put('shown/agent/.sgwtmp/x')).to.equal(200);
    expect(await put('shown/agent/\uffff')).to.equal(200);
    expect(await put('shown/output/logs')).to.equal(200);
    expect(await put('shown/output/logs/x')).to.equal(409);
    const listed = (await Array.fromAsync(store.list('shown/'))).map(({ key }) => key);
    expect(listed).to.include('shown/output/logs').and.not.include('shown/agent/\uffff');
    expect(listed.filter((key) => key.includes('.sgwtmp'))).to.deep.equal([]);
    for (const path of ['agent/.sgwtmp/x', 'agent/\uffff']) expect(isUnlisted(path), path).to.equal(true);
  });

  it('says NotFound for a bucket that does not exist', async () => {
    const other = storeAt(`http://${server!.address}`, 'no-such-bucket');
    expect((await failure(other.put('a', 'b'))).reason).to.equal('NotFound');
    expect((await failure(other.get('a', 1))).reason).to.equal('NotFound');
  });

  it('says AccessDenied for credentials that the server does not know', async () => {
    const stranger = s3ArtifactStore({
      bucket: BUCKET,
      region: VERSITYGW.region,
      endpoint: `http://${server!.address}`,
      credentials: { ...credentials, secretAccessKey: 'other' },
    });
    expect((await failure(stranger.put('a', 'b'))).reason).to.equal('AccessDenied');
    expect((await failure(stranger.head('a'))).reason).to.equal('AccessDenied');
  });
});

describe('s3 ArtifactStore on a server in trouble', () => {
  const server = useScriptedServer();

  const cases = [
    { status: 503, code: 'SlowDown', reason: 'Throttled' },
    { status: 429, code: 'TooManyRequests', reason: 'Throttled' },
    { status: 500, code: 'InternalError', reason: 'Unavailable' },
    { status: 503, code: 'ServiceUnavailable', reason: 'Unavailable' },
    { status: 400, code: 'RequestTimeout', reason: 'Unavailable' },
    { status: 409, code: 'ConditionalRequestConflict', reason: 'Unavailable' },
    { status: 403, code: 'AccessDenied', reason: 'AccessDenied' },
    { status: 400, code: 'ExpiredToken', reason: 'Unavailable' },
    { status: 404, code: 'NoSuchBucket', reason: 'NotFound' },
    { status: 412, code: 'PreconditionFailed', reason: 'PreconditionFailed' },
    { status: 400, code: 'KeyTooLongError', reason: 'Invalid' },
  ];
  for (const { status, code, reason } of cases) {
    it(`says ${reason} for ${status} ${code}`, async () => {
      server.handle = (_, response) => {
        response.writeHead(status, { 'content-type': 'application/xml' });
        response.end(`<Error><Code>${code}</Code><Message>as scripted</Message></Error>`);
      };
      const error = await failure(storeAt(server.base).put('a/b', 'c'));
      expect(error.reason).to.equal(reason);
      const needs = reason === 'AccessDenied' ? `; it needs s3:PutObject on arn:aws:s3:::${BUCKET}/a/b` : '';
      expect(error.message).to.equal(`put s3://${BUCKET}/a/b: ${code}: as scripted${needs}`);
    });
  }

  it('sends the checksum of what it stores', async () => {
    let checksum: unknown;
    server.handle = (sent, response) => {
      checksum = sent.headers['x-amz-checksum-sha256'];
      response.end();
    };
    await storeAt(server.base).put('a', 'hello');
    expect(checksum).to.equal('LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=');
  });

  it('does not believe contents that have another checksum', async () => {
    server.handle = (_, response) => {
      response.setHeader('x-amz-checksum-sha256', 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=');
      response.end('hullo');
    };
    const error = await failure(storeAt(server.base).get('a', 100));
    expect(error.reason).to.equal('Unavailable');
    expect(error.message).to.match(/^get s3:\/\/artifacts\/a: .*checksum/i);
  });

  it('holds contents against a checksum of another kind, too', async () => {
    server.handle = (_, response) => {
      response.setHeader('x-amz-checksum-crc32', 'NhCmhg==');
      response.end('hello');
    };
    expect(Buffer.from((await storeAt(server.base).get('a', 100))!).toString()).to.equal('hello');
    server.handle = (_, response) => {
      response.setHeader('x-amz-checksum-crc32', 'AAAAAA==');
      response.end('hello');
    };
    expect((await failure(storeAt(server.base).get('a', 100))).message).to.match(/checksum/i);
  });

  it('takes the contents of an object that was stored in parts, whose checksum is not theirs', async () => {
    server.handle = (_, response) => {
      response.setHeader('x-amz-checksum-sha256', 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=-2');
      response.end('hullo');
    };
    expect(Buffer.from((await storeAt(server.base).get('a', 100))!).toString()).to.equal('hullo');
  });

  it('signs by the clock of the store, once that has refused what was signed by another', async () => {
    const hour = 3_600_000;
    const dates: number[] = [];
    server.handle = ({ headers }, response) => {
      const [, date, time] = /^(\d{8})T(\d{6})Z$/.exec(String(headers['x-amz-date'])) ?? [];
      dates.push(Number(date), Number(time));
      const now = new Date(Date.now() + 26 * hour).toUTCString();
      response.writeHead(dates.length > 2 ? 200 : 403, { date: now, 'content-type': 'application/xml' });
      response.end('<Error><Code>RequestTimeTooSkewed</Code><Message>as scripted</Message></Error>');
    };
    const store = storeAt(server.base);
    const error = await failure(store.put('a', 'b'));
    expect([error.reason, error.transient]).to.deep.equal(['Unavailable', true]);
    await store.put('a', 'b');
    expect(dates[2]).to.be.above(dates[0]!);
    await store.head('a');
    expect(dates[4]).to.equal(dates[2]);
  });

  it('reads no more than the beginning of what a server in between has to say', async () => {
    for (const page of ['<html><p>no', 'x'.repeat(1_000_000)]) {
      server.handle = (_, response) => response.writeHead(502).end(page);
      const error = await failure(storeAt(server.base).put('a', 'b'));
      expect([error.reason, error.message]).to.deep.equal(['Unavailable', `put s3://${BUCKET}/a: HTTP 502`]);
    }
  });

  it('signs for the session of credentials that end', async () => {
    let token: unknown;
    server.handle = ({ headers }, response) => {
      token = headers['x-amz-security-token'];
      response.end();
    };
    const session = { ...credentials, sessionToken: 'session' };
    const store = s3ArtifactStore({
      bucket: BUCKET,
      region: VERSITYGW.region,
      endpoint: server.base,
      credentials: async () => session,
    });
    await store.put('a', 'b');
    expect(token).to.equal('session');
  });

  it('names the permissions that a refused HEAD, which has no body, may lack', async () => {
    server.handle = (_, response) => response.writeHead(403).end();
    const error = await failure(storeAt(server.base).head('a'));
    expect(error.reason).to.equal('AccessDenied');
    expect(error.message).to.match(
      /it needs s3:GetObject \(and s3:ListBucket, .*\) on arn:aws:s3:::artifacts\/a$/,
    );
  });

  it('says Unavailable where nothing listens', async () => {
    const error = await failure(storeAt('http://127.0.0.1:9').put('a', 'b'));
    expect([error.reason, error.transient]).to.deep.equal(['Unavailable', true]);
  });
});

describe('lifetime of presigned requests', () => {
  const now = Date.UTC(2026, 0, 1);
  const inSeconds = (seconds: number): Date => new Date(now + seconds * 1000);

  it('is what was asked for, at most fifteen minutes', () => {
    expect(presignSeconds(300, undefined, now)).to.equal(300);
    expect(presignSeconds(3600, undefined, now)).to.equal(900);
  });

  it('ends before the credentials do', () => {
    expect(presignSeconds(300, inSeconds(100), now)).to.equal(70);
    expect(() => presignSeconds(300, inSeconds(20), now))
      .to.throw('about to expire')
      .and.include({ reason: 'Unavailable' });
  });

  const storeWith = (lives: () => { accessKeyId: string; expiration: Date }): ArtifactStore =>
    s3ArtifactStore({
      bucket: BUCKET,
      region: 'eu-west-1',
      credentials: async () => ({ ...credentials, sessionToken: 'session', ...lives() }),
    });
  const query = async (store: ArtifactStore): Promise<URLSearchParams> =>
    new URL((await store.presignGet('a', 900)).url).searchParams;
  const fromNow = (seconds: number): Date => new Date(Date.now() + seconds * 1000);

  it('is bounded by the credentials of the moment in the signed URL itself', async () => {
    const store = s3ArtifactStore({
      bucket: BUCKET,
      region: 'eu-west-1',
      now: () => now,
      credentials: async () => ({ ...credentials, expiration: inSeconds(130) }),
    });
    for (const { url } of [
      await store.presignGet('a', 900),
      await store.presignPut('a', { size: 1, sha256: '0'.repeat(64) }, 900),
    ]) {
      expect(new URL(url).searchParams.get('X-Amz-Expires')).to.equal('100');
      expect(new URL(url).host).to.equal(`${BUCKET}.s3.eu-west-1.amazonaws.com`);
    }
  });

  it('never ends after the credentials that signed it, which are renewed before they end', async () => {
    let life = 130;
    let given = 0;
    const store = storeWith(() => {
      given += 1;
      return { accessKeyId: `key-of-${life}`, expiration: fromNow(life) };
    });
    const keyOf = (signed: URLSearchParams) => signed.get('X-Amz-Credential')!.split('/')[0];
    const first = await query(store);
    expect(keyOf(first)).to.equal('key-of-130');
    expect(Number(first.get('X-Amz-Expires'))).to.be.within(90, 100);
    life = 3600;
    const renewed = await query(store);
    expect([keyOf(renewed), renewed.get('X-Amz-Expires')]).to.deep.equal(['key-of-3600', '900']);
    given = 0;
    await query(store);
    expect(given).to.equal(0);
  });

  it('is refused, for another try, while only credentials about to expire can be had', async () => {
    let life = 20;
    const store = storeWith(() => ({ accessKeyId: 'key', expiration: fromNow(life) }));
    const error = await failure(store.presignGet('a', 900));
    expect([error.reason, error.transient]).to.deep.equal(['Unavailable', true]);
    life = 3600;
    expect((await query(store)).get('X-Amz-Expires')).to.equal('900');
  });
});

describe('s3 ArtifactStore with a KMS key', () => {
  const server = useScriptedServer();
  const KEY = '1234abcd-12ab-34cd-56ef-1234567890ab';
  const encryption = {
    'x-amz-server-side-encryption': 'aws:kms',
    'x-amz-server-side-encryption-aws-kms-key-id': KEY,
  };
  const storeOf = (): ArtifactStore =>
    s3ArtifactStore({
      bucket: BUCKET,
      region: VERSITYGW.region,
      endpoint: server.base,
      credentials,
      kmsKeyId: KEY,
    });

  it('stores under that key', async () => {
    let headers: Record<string, unknown> = {};
    server.handle = (sent, response) => {
      headers = sent.headers;
      response.end();
    };
    await storeOf().put('a', 'b');
    expect(headers).to.include(encryption);
  });

  it('signs the encryption into an upload, which has to send it', async () => {
    const { url, headers } = await storeOf().presignPut('a', { size: 1, sha256: '0'.repeat(64) }, 60);
    expect(headers).to.include(encryption);
    const query = new URL(url).searchParams;
    expect(query.get('X-Amz-SignedHeaders')!.split(';')).to.include.members(Object.keys(encryption));
    expect([...query.keys()].filter((name) => name.includes('encryption'))).to.deep.equal([]);
  });

  it('asks for nothing without a key: the bucket’s own setting holds', async () => {
    const { url, headers } = await storeAt(server.base).presignPut(
      'a',
      { size: 1, sha256: '0'.repeat(64) },
      60,
    );
    expect(`${url}${JSON.stringify(headers)}`).to.not.contain('encryption');
  });
});

describe('origin of presigned requests', () => {
  const originsOf = (settings: Partial<S3Settings>): Promise<string[]> =>
    s3ArtifactStore({ bucket: BUCKET, region: 'eu-west-1', credentials, ...settings }).origins();

  it('is the bucket’s own host on AWS, the region’s where no certificate fits the bucket', async () => {
    expect(await originsOf({})).to.deep.equal([`${BUCKET}.s3.eu-west-1.amazonaws.com:443`]);
    expect(await originsOf({ bucket: 'a.b' })).to.deep.equal(['s3.eu-west-1.amazonaws.com:443']);
  });

  it('is the endpoint, not the one for browsers, with the port that its scheme has', async () => {
    const publicEndpoint = 'https://files.example';
    expect(await originsOf({ endpoint: 'http://SB-S3:7070', publicEndpoint })).to.deep.equal(['sb-s3:7070']);
    expect(await originsOf({ endpoint: 'http://10.0.0.1' })).to.deep.equal(['10.0.0.1:80']);
    expect(await originsOf({ endpoint: 'https://[2001:db8::1]' })).to.deep.equal(['[2001:db8::1]:443']);
  });
});

describe('link to an object', () => {
  it('is its address on the public endpoint', () => {
    const place = {
      bucket: 'b',
      region: 'r',
      endpoint: 'http://sb-s3:7070',
      publicEndpoint: 'http://127.0.0.1:7070/',
    };
    expect(objectLink(place, 'trials/a b/result.json')).to.equal(
      'http://127.0.0.1:7070/b/trials/a%20b/result.json',
    );
  });

  it('is the console’s page on AWS', () => {
    const place = { bucket: 'b', region: 'eu-west-1' };
    const console = 'https://eu-west-1.console.aws.amazon.com/s3';
    expect(objectLink(place, 'a/x.json')).to.equal(`${console}/object/b?region=eu-west-1&prefix=a%2Fx.json`);
    expect(objectLink(place, 'a/')).to.equal(`${console}/buckets/b?region=eu-west-1&prefix=a%2F`);
    expect(objectLink({ bucket: 'b', region: 'us-gov-west-1' }, 'a')).to.match(
      /^https:\/\/us-gov-west-1\.console\.amazonaws-us-gov\.com\/s3\//,
    );
  });
});
