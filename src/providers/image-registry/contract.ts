/** What every ImageRegistry keeps; run by each adapter’s tests. */
import { expect } from 'chai';
import type { ImageConfig } from '../../crds/image-config.ts';
import type { ProviderError } from '../errors.ts';
import type { ImageRegistry } from './port.ts';

/** An image to push: its start command on each platform. */
export interface PushedImage {
  config: Partial<ImageConfig>;
  platforms: string[];
}

export interface RegistryUnderTest {
  registry: ImageRegistry;
  /** Pushes an image under a reference with a tag; resolves its digest. */
  push: (reference: string, image: PushedImage) => Promise<string>;
  /** Reference to a test's image; default: on Docker Hub, in full. */
  refer?: (path: string, tag: string) => string;
}

const SERVICE: ImageConfig = {
  user: 'agent:staff',
  workdir: '/srv',
  entrypoint: ['/entry.sh', '--flag'],
  cmd: ['serve', '--port', '80'],
};
const amd64 = (config: Partial<ImageConfig>): PushedImage => ({ config, platforms: ['linux/amd64'] });

const onHub = (path: string, tag: string): string => `docker.io/${path}:${tag}`;
const referTo = ({ refer = onHub }: RegistryUnderTest) => refer;
const byDigest = (reference: string, digest: string): string =>
  `${reference.slice(0, reference.lastIndexOf(':'))}@${digest}`;

const failure = (work: Promise<unknown>): Promise<ProviderError> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: ProviderError) => error,
  );

function resolution(use: () => RegistryUnderTest): void {
  const referred = (path: string, tag: string) => referTo(use())(path, tag);

  it('resolves a tag to the digest, under the host that nodes know', async () => {
    const { registry, push } = use();
    const reference = referred('some/tool', '3.11-slim');
    const digest = await push(reference, amd64({}));
    const found = { digest, reference: byDigest(reference, digest) };
    expect(await registry.resolve(reference)).to.deep.equal(found);
  });

  it('resolves a reference that is pinned already', async () => {
    const { registry, push } = use();
    const tagged = referred('some/app', '1');
    const digest = await push(tagged, amd64({ user: 'pinned' }));
    const reference = byDigest(tagged, digest);
    expect(await registry.resolve(reference)).to.deep.equal({ digest, reference });
    expect(await registry.resolve(`${tagged}@${digest}`)).to.deep.equal({ digest, reference });
  });

  it('follows a tag that moved', async () => {
    const { registry, push } = use();
    const reference = referred('some/moving', 'latest');
    const before = await push(reference, amd64({ user: 'one' }));
    const after = await push(reference, amd64({ user: 'two' }));
    expect((await registry.resolve(reference))?.digest)
      .to.equal(after)
      .and.not.equal(before);
  });

  it('answers undefined for a tag, a repository or a digest that is not there', async () => {
    const { registry, push } = use();
    const there = referred('some/there', '1');
    await push(there, amd64({}));
    expect(await registry.resolve(referred('some/there', '2'))).to.equal(undefined);
    expect(await registry.resolve(referred('some/where', '1'))).to.equal(undefined);
    expect(await registry.resolve(byDigest(there, `sha256:${'0'.repeat(64)}`))).to.equal(undefined);
  });

  it('reads short names as Docker does', async () => {
    const { registry, push } = use();
    const python = await push('docker.io/library/python:3.11-slim', amd64({}));
    const latest = await push('docker.io/some/short:latest', amd64({ user: 'short' }));
    const reference = `docker.io/library/python@${python}`;
    expect(await registry.resolve('python:3.11-slim')).to.deep.equal({ digest: python, reference });
    expect((await registry.resolve('some/short'))?.digest).to.equal(latest);
  });

  it('says Invalid for what is no reference', async () => {
    const { registry } = use();
    for (const text of ['', 'UPPER/Case', 'a b', 'x:', 'x@sha256:12', '../x', 'https://host/x']) {
      expect((await failure(registry.resolve(text))).reason, text).to.equal('Invalid');
    }
  });
}

function configs(use: () => RegistryUnderTest): void {
  const referred = (path: string, tag = '1') => referTo(use())(path, tag);
  const configOf = async (reference: string, platform = 'linux/amd64') => {
    const { registry } = use();
    return registry.config((await registry.resolve(reference))!, platform);
  };

  it('reads user, directory, entrypoint and command', async () => {
    await use().push(referred('some/service'), amd64(SERVICE));
    expect(await configOf(referred('some/service'))).to.deep.equal(SERVICE);
  });

  it('reads an image that says nothing as root in / without a command', async () => {
    await use().push(referred('some/bare'), amd64({}));
    const bare = { user: '', workdir: '/', entrypoint: [], cmd: [] };
    expect(await configOf(referred('some/bare'))).to.deep.equal(bare);
  });

  it('finds the platform in an image of several', async () => {
    const image = { config: SERVICE, platforms: ['linux/amd64', 'linux/arm64'] };
    await use().push(referred('some/multi'), image);
    expect(await configOf(referred('some/multi'), 'linux/arm64')).to.deep.equal(SERVICE);
    expect(await configOf(referred('some/multi'), 'linux/amd64')).to.deep.equal(SERVICE);
  });

  it('says NotFound for a platform that the image lacks', async () => {
    const { push } = use();
    const references = [referred('some/amd'), referred('some/pair')] as const;
    await push(references[0], amd64(SERVICE));
    await push(references[1], { config: SERVICE, platforms: ['linux/amd64', 'linux/arm64'] });
    for (const reference of references) {
      const error = await failure(configOf(reference, 'linux/riscv64'));
      const said = [error.reason, error.message.includes('linux/riscv64')];
      expect(said, reference).to.deep.equal(['NotFound', true]);
    }
  });
}

/** Runs the contract on the registry that `use` returns; it is asked anew in each test. */
export function imageRegistryContract(use: () => RegistryUnderTest): void {
  describe('resolve', () => resolution(use));
  describe('config', () => configs(use));
}
