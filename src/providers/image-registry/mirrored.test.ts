import { expect } from 'chai';
import { ProviderError } from '../errors.ts';
import { memoryImageRegistry } from './memory.ts';
import { mirroredRegistry } from './mirrored.ts';

const [HUB, COPY] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`];
const MIRRORS = {
  'docker.io': 'registry.example/docker-hub',
  'docker.io/library': 'public.ecr.aws/docker/library',
};

describe('an image of a Trial', () => {
  const registry = memoryImageRegistry();
  const resolved = async (text: string): Promise<string | undefined> =>
    (await mirroredRegistry(registry, MIRRORS).resolve(text))?.reference;
  before(() => {
    registry.add('docker.io/library/python:3.13', { digest: HUB });
    registry.add('public.ecr.aws/docker/library/python:3.13', { digest: COPY });
    registry.add('docker.io/library/rare:1', { digest: HUB });
    registry.add('registry.example/docker-hub/org/app:1', { digest: COPY });
    registry.add('quay.io/org/app:1', { digest: HUB });
  });

  it('was pulled from Docker Hub by every node behind one address, and comes from the mirror', async () => {
    expect(await resolved('python:3.13')).to.equal(`public.ecr.aws/docker/library/python@${COPY}`);
    expect(await resolved(`python@${COPY}`)).to.equal(`public.ecr.aws/docker/library/python@${COPY}`);
    expect(await resolved('org/app:1')).to.equal(`registry.example/docker-hub/org/app@${COPY}`);
  });

  it('comes from where it is if the mirror has it not, and if there is no mirror of it', async () => {
    expect(await resolved('rare:1')).to.equal(`docker.io/library/rare@${HUB}`);
    expect(await resolved(`python@${HUB}`)).to.equal(`docker.io/library/python@${HUB}`);
    expect(await resolved('quay.io/org/app:1')).to.equal(`quay.io/org/app@${HUB}`);
    expect(await resolved('none')).to.equal(undefined);
  });

  it('comes from where it is if the mirror refuses it, and waits for a mirror that does not answer', async () => {
    const behind = (reason: 'AccessDenied' | 'Unavailable') =>
      memoryImageRegistry({
        fault: (_operation, text) =>
          text.startsWith('public.ecr.aws/') ? new ProviderError(reason, 'no') : undefined,
      });
    const refusing = behind('AccessDenied');
    refusing.add('docker.io/library/python:3.13', { digest: HUB });
    const found = await mirroredRegistry(refusing, MIRRORS).resolve('python:3.13');
    expect(found?.reference).to.equal(`docker.io/library/python@${HUB}`);
    const asked = mirroredRegistry(behind('Unavailable'), MIRRORS).resolve('python:3.13');
    expect(await asked.catch((error: ProviderError) => error.reason)).to.equal('Unavailable');
  });

  it('is asked of its own registry alone where there are no mirrors', () => {
    expect(mirroredRegistry(registry, {})).to.equal(registry);
  });
});
