import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ACCOUNT, CREDENTIALS, REGION } from '../../../test/support/aws/facts.ts';
import { withVariables } from '../../../test/support/client/account-server.ts';
import type { ProviderError } from '../errors.ts';
import { awsPurge } from './purge.ts';

/** A bucket as its lists show it; what a test changes is another's work. */
interface Bucket {
  versions: string[];
  uploads: string[];
  /** Called at each list of versions, before it is answered. */
  atList: (bucket: Bucket) => void;
  /** And at the bucket's own end. */
  atDelete: (bucket: Bucket) => void;
}

const PAGE = 2;

describe('A bucket that somebody still writes to', () => {
  let server: Server;
  let bucket: Bucket;
  let asked: string[];
  let leave: () => void;

  beforeEach(async () => {
    bucket = { versions: ['a', 'b', 'c', 'd', 'e'], uploads: ['u'], atList: () => {}, atDelete: () => {} };
    asked = [];
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        const { searchParams } = new URL(request.url ?? '/', 'http://s3.test');
        answer(`${request.method} ${[...searchParams.keys()].join(' ')}`, { searchParams, body }, response);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    leave = withVariables({
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
  });
  afterEach(() => {
    leave();
    server.closeAllConnections();
    server.close();
  });

  const xml = (response: ServerResponse, status: number, text: string): void =>
    void response.writeHead(status, { 'content-type': 'application/xml' }).end(text);

  /** As S3 does it: keys in order, after the marker. */
  function listed(all: readonly string[], after: string): string[] {
    return [...all].sort().filter((key) => key > after);
  }

  function answer(
    call: string,
    { searchParams, body }: { searchParams: URLSearchParams; body: string },
    response: ServerResponse,
  ): void {
    asked.push(call);
    const after = searchParams.get('key-marker') ?? '';
    if (searchParams.has('versions')) {
      bucket.atList(bucket);
      const keys = listed(bucket.versions, after);
      const page = keys.slice(0, PAGE);
      const more = keys.length > PAGE;
      const versions = page
        .map((key) => `<Version><Key>${key}</Key><VersionId>1</VersionId></Version>`)
        .join('');
      const next = more
        ? `<NextKeyMarker>${page.at(-1)}</NextKeyMarker><NextVersionIdMarker>1</NextVersionIdMarker>`
        : '';
      return xml(
        response,
        200,
        `<ListVersionsResult><IsTruncated>${more}</IsTruncated>${versions}${next}</ListVersionsResult>`,
      );
    }
    if (call.startsWith('POST')) {
      const gone = [...body.matchAll(/<Key>([^<]+)/g)].map(([, key]) => key);
      bucket.versions = bucket.versions.filter((key) => !gone.includes(key));
      return xml(response, 200, '<DeleteResult/>');
    }
    if (searchParams.has('uploads')) {
      const uploads = bucket.uploads.map(
        (id) => `<Upload><Key>${id}</Key><UploadId>${id}</UploadId></Upload>`,
      );
      return xml(
        response,
        200,
        `<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>`,
      );
    }
    if (searchParams.has('uploadId')) {
      bucket.uploads = bucket.uploads.filter((id) => id !== searchParams.get('uploadId'));
      return void response.writeHead(204).end();
    }
    bucket.atDelete(bucket);
    if (bucket.versions.length > 0)
      return xml(
        response,
        409,
        '<Error><Code>BucketNotEmpty</Code><Message>The bucket you tried to delete is not empty</Message></Error>',
      );
    response.writeHead(204).end();
  }

  const emptied = async (): Promise<ProviderError | undefined> => {
    const purge = awsPurge({ region: REGION, credentials: CREDENTIALS, account: ACCOUNT, byPath: true });
    return purge
      .bucket('mine', () => {})
      .then(
        () => undefined,
        (error: ProviderError) => error,
      );
  };

  it('is gone where nobody does, page by page', async () => {
    expect(await emptied()).to.equal(undefined);
    expect([bucket.versions, bucket.uploads]).to.deep.equal([[], []]);
    expect(asked.filter((call) => call.startsWith('DELETE')).at(-1)).to.equal('DELETE ');
  });

  it('is gone where that ends meanwhile', async () => {
    let left = 2;
    bucket.atList = (one) => left-- > 0 && one.versions.push(`late-${left}`);
    expect(await emptied()).to.equal(undefined);
  });

  for (const [what, key] of [
    ['before what is deleted', () => '0'],
    ['behind it, under ever later names', (count: number) => `z${String(count).padStart(6, '0')}`],
  ] as const)
    it(`is given up after three times, where it goes on ${what}, and says so`, async () => {
      let count = 0;
      bucket.atList = (one) => one.versions.push(key(count++));
      const error = await emptied();
      expect(error?.reason).to.equal('PreconditionFailed');
      expect(error?.message).to.equal(
        'bucket mine is still being written to: it was emptied 3 times, and more came each time; end what uploads there (sb, an operator in another cluster)',
      );
      expect(asked.length).to.be.below(30);
    });

  it('is given up where an unfinished upload comes each time', async () => {
    bucket.atList = () => {};
    const abort = bucket.uploads;
    Object.defineProperty(bucket, 'uploads', { get: () => abort, set: () => {} });
    expect((await emptied())?.reason).to.equal('PreconditionFailed');
  });

  it('says so, too, where an object comes in the last moment', async () => {
    bucket.atDelete = (one) => one.versions.push('late');
    const error = await emptied();
    expect([error?.reason, error?.message]).to.satisfy(
      ([reason, message]: [string, string]) =>
        reason === 'PreconditionFailed' && /is not empty; end what/.test(message),
    );
  });
});
