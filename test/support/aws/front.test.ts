import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import {
  DescribeImagesCommand,
  DescribeRepositoriesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
} from '@aws-sdk/client-ecr';
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram, skipWithout, type Running } from '../programs.ts';
import { startRegistry } from '../registry.ts';
import { denied, throttled } from './calls.ts';
import { CACHE_REPOSITORY, CREDENTIALS, REGION, REPOSITORY } from './facts.ts';
import { startFront, type AwsFront } from './front.ts';
import { assumeRole } from './sessions.ts';
import { needMoto, type Moto } from './moto.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

describe('the front of the tests’ AWS', function () {
  let moto: Moto | undefined;
  let layers: Running | undefined;
  let front: AwsFront;
  let client: ECRClient;

  before(async function () {
    moto = await needMoto(this);
    layers = (await startRegistry()) ?? skipWithout('registry', this);
    front = await startFront({ moto: moto.url, registry: `http://${layers.address}` });
    client = ecrClient();
  });
  after(async () => {
    client?.destroy();
    await front?.close();
    await layers?.stop();
    await moto?.close();
  });

  const ecrClient = (credentials: object = CREDENTIALS): ECRClient =>
    new ECRClient({
      region: REGION,
      endpoint: front.url,
      credentials: credentials as typeof CREDENTIALS,
      maxAttempts: 1,
    });

  const token = async (): Promise<string> => {
    const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}));
    return authorizationData?.[0]?.authorizationToken ?? '';
  };

  const ask = async (
    method: string,
    path: string,
    { body, repository = REPOSITORY }: { body?: string; repository?: string } = {},
  ): Promise<Response> =>
    fetch(`${front.url}/v2/${repository}/${path}`, {
      method,
      headers: { authorization: `Basic ${await token()}`, accept: MANIFEST, 'content-type': MANIFEST },
      ...(body !== undefined && { body }),
    });

  /** Pushes an image without layers, told from others by `text`. */
  async function push(tag: string, text: string, repository = REPOSITORY): Promise<Response> {
    const config = JSON.stringify({ os: 'linux', architecture: 'amd64', author: text });
    const { digest, size } = await putBlob(config, repository);
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size },
      layers: [],
    };
    return ask('PUT', `manifests/${tag}`, { body: JSON.stringify(manifest), repository });
  }

  async function putBlob(body: string, repository: string): Promise<{ digest: string; size: number }> {
    const begun = await ask('POST', 'blobs/uploads/', { repository });
    const bytes = new TextEncoder().encode(body);
    const hash = createHash('sha256').update(bytes).digest('hex');
    const upload = new URL(begun.headers.get('location') ?? '', front.url);
    upload.searchParams.set('digest', `sha256:${hash}`);
    const path = `${upload.pathname.split(`${repository}/`)[1]}${upload.search}`;
    const done = await ask('PUT', path, { body, repository });
    expect(done.status).to.equal(201);
    return { digest: `sha256:${hash}`, size: bytes.length };
  }

  const describeTag = async (imageTag: string, repositoryName = REPOSITORY) => {
    const answer = await client.send(new DescribeImagesCommand({ repositoryName, imageIds: [{ imageTag }] }));
    return answer.imageDetails?.[0];
  };

  const problem = (work: Promise<unknown>): Promise<{ name: string; message: string }> =>
    work.then(
      () => expect.fail('it did not fail'),
      (error: Error) => error,
    );

  const errorOf = async (answer: Response): Promise<unknown> =>
    ((await answer.json()) as { errors: { code: string; message: string }[] }).errors[0];

  it('asks for a login in ECR’s words', async () => {
    const answer = await fetch(`${front.url}/v2/`);
    expect(answer.status).to.equal(401);
    expect(answer.headers.get('www-authenticate')).to.contain('Basic realm="https://123456789012.dkr.ecr.');
  });

  it('makes what is pushed an image of the API, with the digest that the registry has', async () => {
    const pushed = await push('one', 'first');
    expect(pushed.status).to.equal(201);
    const seen = await describeTag('one');
    expect(seen).to.include({
      imageStatus: 'ACTIVE',
      imageDigest: pushed.headers.get('docker-content-digest'),
    });
  });

  it('refuses to move an immutable tag, and moves those of layer caches', async () => {
    await push('fixed', 'first');
    const again = await push('fixed', 'second');
    expect(again.status).to.equal(400);
    expect(await errorOf(again)).to.deep.equal({
      code: 'TAG_INVALID',
      message: `The image tag 'fixed' already exists in the '${REPOSITORY}' repository and cannot be overwritten because the tag is immutable.`,
    });
    await push('x', 'first', CACHE_REPOSITORY);
    const moved = await push('x', 'second', CACHE_REPOSITORY);
    expect((await describeTag('x', CACHE_REPOSITORY))?.imageDigest).to.equal(
      moved.headers.get('docker-content-digest'),
    );
  });

  it('shows an image in the API only after a while, where a test wants that', async () => {
    front.ecr.visibleAfterMs = 400;
    try {
      await push('late', 'late');
      expect((await problem(describeTag('late'))).name).to.equal('ImageNotFoundException');
      expect((await ask('HEAD', 'manifests/late')).status).to.equal(200);
      await sleep(500);
      expect(await describeTag('late')).to.have.property('imageStatus', 'ACTIVE');
    } finally {
      front.ecr.visibleAfterMs = 0;
    }
  });

  it('knows no tag that was pushed into another account', async () => {
    expect((await ask('GET', 'manifests/never')).status).to.equal(404);
  });

  it('denies a push, and ends a login, on demand', async () => {
    front.ecr.closed.add(REPOSITORY);
    const refused = await ask('POST', 'blobs/uploads/');
    front.ecr.closed.delete(REPOSITORY);
    expect([refused.status, (await errorOf(refused)) as object]).to.have.nested.property('1.code', 'DENIED');
    front.ecr.tokenSeconds = -1;
    const late = await ask('POST', 'blobs/uploads/');
    front.ecr.tokenSeconds = 3600;
    expect(late.status).to.equal(403);
    expect(await errorOf(late))
      .to.have.property('message')
      .that.contains('token has expired');
  });

  it('counts calls, and refuses them on demand', async () => {
    const before = front.calls.count('ecr:DescribeRepositories');
    const describe = () => client.send(new DescribeRepositoriesCommand({}));
    front.calls.refuse('ecr:DescribeRepositories', throttled, 1);
    expect((await problem(describe())).name).to.equal('ThrottlingException');
    const end = front.calls.refuse('ecr:*', denied('ecr:DescribeRepositories'));
    expect((await problem(describe())).message).to.contain(
      'not authorized to perform: ecr:DescribeRepositories',
    );
    end();
    await describe();
    expect(front.calls.count('ecr:DescribeRepositories') - before).to.equal(3);
  });

  it('gives credentials for a ServiceAccount’s token, and takes them until they expire', async () => {
    front.sessions.lifeSeconds = 3;
    const { expiration, ...keys } = await assumeRole(front.url);
    const own = ecrClient(keys);
    await own.send(new DescribeRepositoriesCommand({}));
    await sleep(expiration.getTime() - Date.now() + 100);
    expect((await problem(own.send(new DescribeRepositoriesCommand({})))).name).to.equal(
      'ExpiredTokenException',
    );
    own.destroy();
  });

  it('has a login at ECR Public for the AWS command', async function () {
    const aws = findProgram('aws') ?? skipWithout('aws', this);
    const { stdout } = await promisify(execFile)(aws, ['ecr-public', 'get-authorization-token'], {
      env: {
        ...process.env,
        AWS_ENDPOINT_URL_ECR_PUBLIC: front.url,
        AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
        AWS_DEFAULT_REGION: REGION,
      },
    });
    expect(JSON.parse(stdout)).to.have.nested.property('authorizationData.authorizationToken');
    expect(front.calls.count('ecr-public:GetAuthorizationToken')).to.equal(1);
  });

  it('takes no keys that it does not know', async () => {
    const stranger = ecrClient({ accessKeyId: 'who', secretAccessKey: 'knows' });
    expect((await problem(stranger.send(new DescribeRepositoriesCommand({})))).name).to.equal(
      'UnrecognizedClientException',
    );
    stranger.destroy();
  });
});
