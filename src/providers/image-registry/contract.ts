/** What every ImageRegistry keeps; run by each adapter’s tests. */
import { expect } from 'chai';
import type { ImageConfig } from '../../crds/courier-protocol.ts';
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
}

const SERVICE: ImageConfig = {
  user: 'agent:staff',
  workdir: '/srv',
  entrypoint: ['/entry.sh', '--flag'],
  cmd: ['serve', '--port', '80'],
};
const amd64 = (config: Partial<ImageConfig>): PushedImage => ({ config, platforms: ['linux/amd64'] });

const failure = (work: Promise<unknown>): Promise<ProviderError> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: ProviderError) => error,
  );

function resolution(use: () => RegistryUnderTest): void {
  it('resolves a tag to the digest, under the host that nodes know', async () => {
    const { registry, push } = use();
    const digest = await push('docker.io/library/python:3.11-slim', amd64({}));
    const found = { digest, reference: `docker.io/library/python@${digest}` };
    expect(await registry.resolve('python:3.11-slim')).to.deep.equal(found);
    expect(await registry.resolve('docker.io/library/python:3.11-slim')).to.deep.equal(found);
  });

  it('resolves a reference that is pinned already', async () => {
    const { registry, push } = use();
    const digest = await push('docker.io/some/app:1', amd64({ user: 'pinned' }));
    const reference = `docker.io/some/app@${digest}`;
    expect(await registry.resolve(`some/app@${digest}`)).to.deep.equal({ digest, reference });
    expect(await registry.resolve(`some/app:1@${digest}`)).to.deep.equal({ digest, reference });
  });

  it('follows a tag that moved', async () => {
    const { registry, push } = use();
    const before = await push('docker.io/some/moving:latest', amd64({ user: 'one' }));
    const after = await push('docker.io/some/moving:latest', amd64({ user: 'two' }));
    expect((await registry.resolve('some/moving'))?.digest)
      .to.equal(after)
      .and.not.equal(before);
  });

  it('answers undefined for a tag, a repository or a digest that is not there', async () => {
    const { registry, push } = use();
    await push('docker.io/some/there:1', amd64({}));
    expect(await registry.resolve('some/there:2')).to.equal(undefined);
    expect(await registry.resolve('some/where:1')).to.equal(undefined);
    expect(await registry.resolve(`some/there@sha256:${'0'.repeat(64)}`)).to.equal(undefined);
  });

  it('says Invalid for what is no reference', async () => {
    const { registry } = use();
    for (const text of ['', 'UPPER/Case', 'a b', 'x:', 'x@sha256:12', '../x', 'https://host/x']) {
      expect((await failure(registry.resolve(text))).reason, text).to.equal('Invalid');
    }
  });
}

function configs(use: () => RegistryUnderTest): void {
  const configOf = async (reference: string, platform = 'linux/amd64') => {
    const { registry } = use();
    return registry.config((await registry.resolve(reference))!, platform);
  };

  it('reads user, directory, entrypoint and command', async () => {
    await use().push('docker.io/some/service:1', amd64(SERVICE));
    expect(await configOf('some/service:1')).to.deep.equal(SERVICE);
  });

  it('reads an image that says nothing as root in / without a command', async () => {
    await use().push('docker.io/some/bare:1', amd64({}));
    expect(await configOf('some/bare:1')).to.deep.equal({ user: '', workdir: '/', entrypoint: [], cmd: [] });
  });

  it('finds the platform in an image of several', async () => {
    await use().push('docker.io/some/multi:1', {
      config: SERVICE,
      platforms: ['linux/amd64', 'linux/arm64'],
    });
    expect(await configOf('some/multi:1', 'linux/arm64')).to.deep.equal(SERVICE);
    expect(await configOf('some/multi:1', 'linux/amd64')).to.deep.equal(SERVICE);
  });

  it('says NotFound for a platform that the image lacks', async () => {
    await use().push('docker.io/some/amd:1', amd64(SERVICE));
    await use().push('docker.io/some/pair:1', { config: SERVICE, platforms: ['linux/amd64', 'linux/arm64'] });
    for (const reference of ['some/amd:1', 'some/pair:1']) {
      const error = await failure(configOf(reference, 'linux/riscv64'));
      expect([error.reason, error.message.includes('linux/riscv64')], reference).to.deep.equal([
        'NotFound',
        true,
      ]);
    }
  });
}

/** Runs the contract on the registry that `use` returns; it is asked anew in each test. */
export function imageRegistryContract(use: () => RegistryUnderTest): void {
  describe('resolve', () => resolution(use));
  describe('config', () => configs(use));
}
