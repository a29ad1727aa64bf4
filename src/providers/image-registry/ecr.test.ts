import { expect } from 'chai';
import { startFront, type AwsFront } from '../../../test/support/aws/front.ts';
import { CREDENTIALS, ECR_HOST, REGION } from '../../../test/support/aws/facts.ts';
import { needMoto, type Moto } from '../../../test/support/aws/moto.ts';
import { callAws } from '../../../test/support/aws/wire.ts';
import { denied, throttled } from '../../../test/support/aws/calls.ts';
import { skipWithout, type Running } from '../../../test/support/programs.ts';
import { pushImage, startRegistry } from '../../../test/support/registry.ts';
import type { ProviderError } from '../errors.ts';
import { imageRegistryContract, type PushedImage } from './contract.ts';
import { ecrImageRegistry, ecrRepositoryUri } from './ecr.ts';
import type { ImageRegistry } from './port.ts';
import { parseReference } from './reference.ts';

const NAME = 'sandboxes';
const URI = `${ECR_HOST}/${NAME}`;
const DIGEST = `sha256:${'a'.repeat(64)}`;

const failure = (work: Promise<unknown>): Promise<ProviderError> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: ProviderError) => error,
  );

describe('ecr ImageRegistry on moto and distribution’s registry', () => {
  let moto: Moto;
  let layers: Running | undefined;
  let front: AwsFront;
  let registry: ImageRegistry;
  let now: number;

  before(async function () {
    layers = await startRegistry();
    if (!layers) skipWithout('registry', this);
    moto = await needMoto(this, { prepared: false });
    await callAws(moto.url, ['ecr', 'CreateRepository'], { repositoryName: NAME });
    front = await startFront({ moto: moto.url, registry: `http://${layers.address}` });
  });
  after(async () => {
    await front?.close();
    await moto?.close();
    await layers?.stop();
  });

  const place = () => ({ region: REGION, endpoint: front.url, credentials: CREDENTIALS });
  beforeEach(() => {
    now = Date.now();
    front.calls.all.length = 0;
    const mirrors = { [ECR_HOST]: front.url, 'docker.io': `http://${layers!.address}` };
    registry = ecrImageRegistry({ ...place(), repositoryUri: URI, mirrors, now: () => now });
  });

  /** As a build pushes: layers and manifest into the registry, and the image into ECR’s API. */
  async function push(text: string, { config, platforms }: PushedImage): Promise<string> {
    const { host, repository, tag = '' } = parseReference(text);
    const { user, workdir, entrypoint, cmd } = config;
    const written = { User: user, WorkingDir: workdir, Entrypoint: entrypoint, Cmd: cmd };
    const base = `http://${layers!.address}`;
    const imageDigest = await pushImage(base, { path: repository, tag }, { config: written, platforms });
    if (host !== ECR_HOST) return imageDigest;
    const kind = platforms.length > 1 ? 'index' : 'manifest';
    const mediaType = `application/vnd.oci.image.${kind}.v1+json`;
    const answer = await fetch(`${base}/v2/${repository}/manifests/${tag}`, {
      headers: { accept: mediaType },
    });
    const manifest = await answer.text();
    await front.ecr.put(repository, { imageDigest, imageTag: tag, manifest, mediaType });
    return imageDigest;
  }

  const bare = { config: {}, platforms: ['linux/amd64'] };
  const inEcr = (path: string, tag: string): string => `${URI}:${path.replaceAll('/', '-')}-${tag}`;

  describe('images of its own repository', () => {
    imageRegistryContract(() => ({ registry, push, refer: inEcr }));
  });
  describe('images of other registries', () => {
    imageRegistryContract(() => ({ registry, push }));
  });

  it('resolves with one call, found or not', async () => {
    await push(`${URI}:counted`, bare);
    await registry.resolve(`${URI}:counted`);
    await registry.resolve(`${URI}:absent`);
    expect(front.calls.all.map(({ action }) => action)).to.deep.equal([
      'ecr:DescribeImages',
      'ecr:DescribeImages',
    ]);
  });

  it('logs in once for many images, and again before the login runs out', async () => {
    const config = async (tag: string): Promise<void> => {
      const digest = await push(`${URI}:${tag}`, { ...bare, config: { user: tag } });
      await registry.config({ reference: `${URI}@${digest}`, digest }, 'linux/amd64');
    };
    await Promise.all([config('login-1'), config('login-2')]);
    await config('login-3');
    expect(front.calls.count('ecr:GetAuthorizationToken')).to.equal(1);
    now += 11.9 * 3_600_000;
    front.ecr.tokenSeconds = 24 * 3600;
    await config('login-4');
    front.ecr.tokenSeconds = 12 * 3600;
    expect(front.calls.count('ecr:GetAuthorizationToken')).to.equal(2);
  });

  it('reads images of other repositories of its registry over the OCI protocol', async () => {
    await callAws(moto.url, ['ecr', 'CreateRepository'], { repositoryName: 'other/app' });
    const digest = await push(`${ECR_HOST}/other/app:1`, bare);
    expect((await registry.resolve(`${ECR_HOST}/other/app:1`))?.digest).to.equal(digest);
    expect(front.calls.all.map(({ action }) => action)).to.deep.equal(['ecr:GetAuthorizationToken']);
  });

  it('read images of other accounts and regions without a login, though nodes may pull them', async () => {
    const hosts = [
      '210987654321.dkr.ecr.us-east-1.amazonaws.com',
      '210987654321.dkr.ecr.eu-west-1.amazonaws.com',
    ];
    const mirrors = Object.fromEntries(hosts.map((host) => [host, front.url]));
    const wide = ecrImageRegistry({ ...place(), repositoryUri: URI, mirrors, now: () => now });
    const digest = await push(`${ECR_HOST}/other/app:wide`, bare);
    for (const host of hosts)
      expect((await wide.resolve(`${host}/other/app:wide`))?.digest, host).to.equal(digest);
    expect(front.calls.count('ecr:GetAuthorizationToken')).to.equal(2);
  });

  it('shows a login to no host that only looks like one of AWS, nor to another partition', async () => {
    const hosts = [
      '210987654321.dkr.ecr.us-east-1.amazonaws.com.evil.example',
      'x.210987654321.dkr.ecr.us-east-1.amazonaws.com',
      '210987654321.dkr.ecr.cn-north-1.amazonaws.com.cn',
    ];
    const mirrors = Object.fromEntries(hosts.map((host) => [host, front.url]));
    const wide = ecrImageRegistry({ ...place(), repositoryUri: URI, mirrors, now: () => now });
    for (const host of hosts)
      expect(await failure(wide.resolve(`${host}/other/app:wide`)), host).to.include({
        reason: 'AccessDenied',
      });
    expect(front.calls.count('ecr:GetAuthorizationToken')).to.equal(0);
  });

  it('does not see an image whose API entry is not there yet', async () => {
    front.ecr.visibleAfterMs = 60_000;
    await push(`${URI}:late`, { ...bare, config: { user: 'late' } });
    expect(await registry.resolve(`${URI}:late`)).to.equal(undefined);
    front.ecr.visibleAfterMs = 0;
  });

  it('takes an archived image for one that is not there', async () => {
    const digest = await push(`${URI}:archived`, { ...bare, config: { user: 'archived' } });
    const api = front.ecr.api.bind(front.ecr);
    front.ecr.api = async () => ({ imageDetails: [{ imageDigest: digest, imageStatus: 'ARCHIVED' }] });
    expect(await registry.resolve(`${URI}:archived`)).to.equal(undefined);
    front.ecr.api = api;
    expect((await registry.resolve(`${URI}:archived`))?.digest).to.equal(digest);
  });

  it('names a repository that does not exist, and the command that makes it', async () => {
    const make = `make it with: aws ecr create-repository --repository-name none --region ${REGION}`;
    const other = ecrImageRegistry({ ...place(), repositoryUri: `${ECR_HOST}/none` });
    for (const work of [
      other.resolve(`${ECR_HOST}/none:1`),
      ecrRepositoryUri({ ...place(), repository: 'none' }),
    ]) {
      const error = await failure(work);
      expect(error.reason).to.equal('NotFound');
      expect(error.message).to.contain(`there is no ECR repository none in ${REGION}; ${make}`);
    }
  });

  it('finds the address of its repository', async () => {
    expect(await ecrRepositoryUri({ ...place(), repository: NAME })).to.equal(URI);
  });

  for (const [action, call] of [
    ['ecr:DescribeImages', () => registry.resolve(`${URI}:1`)],
    ['ecr:DescribeRepositories', () => ecrRepositoryUri({ ...place(), repository: NAME })],
    [
      'ecr:GetAuthorizationToken',
      () => registry.config({ reference: `${URI}@${DIGEST}`, digest: DIGEST }, 'linux/amd64'),
    ],
  ] as const) {
    it(`names ${action} where it is not allowed`, async () => {
      const allow = front.calls.refuse(action, { code: 'AccessDeniedException', message: 'no' });
      const error = await failure(call());
      allow();
      const on = action.endsWith('Token') ? '*' : `arn:aws:ecr:${REGION}:<account>:repository/${NAME}`;
      expect(error.reason).to.equal('AccessDenied');
      expect(error.message).to.match(/: AccessDeniedException: no; it needs /);
      expect(error.message.endsWith(`${action} on ${on}`), error.message).to.equal(true);
    });
  }

  it('says Throttled, AccessDenied and Unavailable as AWS means them', async () => {
    const stranger = { accessKeyId: 'x', secretAccessKey: 'y' };
    const settings = { ...place(), repositoryUri: URI };
    const reasons = [];
    for (const refusal of [
      throttled,
      denied('ecr:DescribeImages'),
      { code: 'ExpiredTokenException', message: '' },
    ]) {
      const allow = front.calls.refuse('ecr:DescribeImages', refusal);
      reasons.push((await failure(registry.resolve(`${URI}:1`))).reason);
      allow();
    }
    const asStranger = ecrImageRegistry({ ...settings, credentials: stranger });
    reasons.push((await failure(asStranger.resolve(`${URI}:1`))).reason);
    const nowhere = ecrImageRegistry({ ...settings, endpoint: 'http://127.0.0.1:9' });
    reasons.push((await failure(nowhere.resolve(`${URI}:1`))).reason);
    expect(reasons).to.deep.equal([
      'Throttled',
      'AccessDenied',
      'Unavailable',
      'AccessDenied',
      'Unavailable',
    ]);
  });
});
