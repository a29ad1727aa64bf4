import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { useScriptedServer } from '../../../test/support/http.ts';
import { skipWithout, type Running } from '../../../test/support/programs.ts';
import { startVersitygw, VERSITYGW } from '../../../test/support/versitygw.ts';
import type { ProviderError } from '../errors.ts';
import { artifactStoreContract } from './contract.ts';
import type { SentRequest } from './memory-grants.ts';
import type { ArtifactStore } from './port.ts';
import { presignSeconds, s3ArtifactStore } from './s3.ts';
import { objectLink } from './s3-link.ts';

const BUCKET = 'artifacts';
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

describe('s3 ArtifactStore on versitygw', () => {
  let server: Running | undefined;
  let store: ArtifactStore;

  before(async function () {
    server = await startVersitygw(BUCKET);
    if (!server) skipWithout('versitygw', this);
    store = storeAt(`http://${server.address}`);
  });
  after(() => server?.stop());

  artifactStoreContract(() => ({ store, send, pass: (seconds) => sleep(seconds * 1000) }));

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

  it('presigns a batch of 500 uploads in half a second of processor time', async () => {
    const file = { size: 1, sha256: '0'.repeat(64) };
    const spent = async (): Promise<number> => {
      const before = process.cpuUsage();
      await Promise.all(Array.from({ length: 500 }, (_, i) => store.presignPut(`up/${i}`, file, 300)));
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    };
    const batches = [await spent(), await spent(), await spent()];
    expect(Math.min(...batches)).to.be.below(500);
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
    { status: 400, code: 'ExpiredToken', reason: 'AccessDenied' },
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
      expect(error.message).to.equal(`put s3://${BUCKET}/a/b: ${code}: as scripted`);
    });
  }

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

  it('is bounded by the credentials of the moment in the signed URL itself', async () => {
    const store = s3ArtifactStore({
      bucket: BUCKET,
      region: 'eu-west-1',
      now: () => now,
      credentials: async () => ({ ...credentials, expiration: inSeconds(130) }),
    });
    const { url } = await store.presignGet('a', 900);
    expect(new URL(url).searchParams.get('X-Amz-Expires')).to.equal('100');
    expect(new URL(url).host).to.equal(`${BUCKET}.s3.eu-west-1.amazonaws.com`);
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
  });
});
