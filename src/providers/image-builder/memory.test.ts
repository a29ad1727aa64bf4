import { expect } from 'chai';
import { ProviderError } from '../errors.ts';
import { DOCKERFILES, imageBuilderContract } from './contract.ts';
import { memoryImageBuilder, type Ended } from './memory.ts';
import type { Build } from './port.ts';

const owner = { namespace: 'default', name: 'hello', uid: 'uid-1' };
const build: Build = {
  token: 'hello-1',
  owner,
  attempt: 1,
  image: 'registry/sandboxes:hello-0123',
  context: { kind: 'configMap', name: 'hello', sha256: 'ab'.repeat(32) },
  dockerfile: 'Dockerfile',
  platform: 'linux/amd64',
  buildArgs: {},
  timeoutSeconds: 600,
};

const failed = (reason: (Ended & { kind: 'failed' })['reason'], message: string): Ended => ({
  kind: 'failed',
  reason,
  message,
  logTail: [`error: ${message}`],
});

const ENDS: Record<string, Ended> = {
  [DOCKERFILES.failing]: {
    ...failed('DockerfileFailed', '[2/2] RUN printf …: exit code: 3'),
    failedStep: 'RUN printf …',
  } as Ended,
  [DOCKERFILES.unparsable]: failed('DockerfileFailed', 'unknown instruction: RUNN'),
  [DOCKERFILES.missingBase]: failed('BaseImageNotFound', 'no/such-image:1: not found'),
};

describe('memory ImageBuilder', () => {
  let now = 0;
  let count = 0;
  const dockerfiles = new Map<string, string>();
  const builder = memoryImageBuilder({
    now: () => now,
    queueMs: 100,
    buildMs: 10_000,
    outcome: ({ token }) => ENDS[dockerfiles.get(token)!],
  });

  imageBuilderContract(() => ({
    builder,
    async prepare(dockerfile, change) {
      const token = `build-${++count}`;
      dockerfiles.set(token, dockerfile);
      return { ...build, token, ...change };
    },
    async end(handle) {
      now += 20_000;
      return (await builder.states([handle])).get(handle.id)!;
    },
    pass: (ms) => void (now += ms),
  }));
});

describe('memory ImageBuilder’s time', () => {
  it('queues, runs, and pushes once when the end is seen', async () => {
    let now = 0;
    const pushed: string[] = [];
    const onPush = (image: string): void => void pushed.push(image);
    const builder = memoryImageBuilder({ now: () => now, queueMs: 1_000, buildMs: 5_000, onPush });
    const handle = await builder.start(build);
    const kindAt = async (ms: number): Promise<string | undefined> => {
      now = ms;
      return (await builder.states([handle])).get(handle.id)?.kind;
    };
    const kinds = [
      await kindAt(999),
      await kindAt(1_000),
      await kindAt(5_999),
      await kindAt(6_000),
      await kindAt(9_000),
    ];
    expect(kinds).to.deep.equal(['queued', 'running', 'running', 'succeeded', 'succeeded']);
    expect(pushed).to.deep.equal([build.image]);
    expect(builder.started).to.deep.equal([build]);
  });

  it('throws the faults that a test scripts', async () => {
    const down = memoryImageBuilder({ fault: () => new ProviderError('Unavailable', 'down') });
    expect(await down.start(build).catch((error: unknown) => error)).to.include({ reason: 'Unavailable' });
  });
});
