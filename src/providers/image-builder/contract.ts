/** What every ImageBuilder keeps; run by each adapter’s tests. */
import { expect } from 'chai';
import type { Build, BuildHandle, BuildState, ImageBuilder } from './port.ts';

export interface BuilderUnderTest {
  builder: ImageBuilder;
  /** A build of a context that holds this Dockerfile alone; not started. Each has a token of its own. */
  prepare: (dockerfile: string, change?: Partial<Build>) => Promise<Build>;
  /** Lets time go by until the build has ended. */
  end: (handle: BuildHandle) => Promise<BuildState>;
  /** Lets so many milliseconds go by, where the time is the test's. */
  pass?: (ms: number) => void;
}

/** What the contract builds. A fake may tell them apart by their text. */
export const DOCKERFILES = {
  good: 'FROM debian:bookworm-slim\nUSER nobody\n',
  arguments: 'FROM debian:bookworm-slim\nARG TEXT\nRUN test "$TEXT" = \'$(HOME) $$x, "a"=b\'\n',
  failing:
    "FROM debian:bookworm-slim\nRUN printf 'line %s\\n' $(seq 40); printf '\\033[31mred\\033[0m\\n'; exit 3\n",
  unparsable: 'FROM debian:bookworm-slim\nRUNN true\n',
  missingBase: 'FROM no/such-image:1\n',
  slow: 'FROM debian:bookworm-slim\nARG NONCE\nRUN sleep 120 # $NONCE\n',
} as const;

const MINUTE_MS = 60_000;

const stateOf = async (builder: ImageBuilder, handle: BuildHandle): Promise<BuildState | undefined> =>
  (await builder.states([handle])).get(handle.id);

function expectFailure(state: BuildState): Extract<BuildState, { kind: 'failed' }> {
  if (state.kind === 'failed') return state;
  return expect.fail(`it did not fail: ${JSON.stringify(state)}`);
}

function lifecycle(use: () => BuilderUnderTest): void {
  it('builds and names the digest of what it pushed', async () => {
    const { builder, prepare, end } = use();
    const state = await end(await builder.start(await prepare(DOCKERFILES.good)));
    expect(state).to.have.property('kind', 'succeeded');
    expect(state)
      .to.have.property('digest')
      .that.matches(/^sha256:[0-9a-f]{64}$/);
  });

  it('takes the same token started twice for one build', async () => {
    const { builder, prepare, end } = use();
    const build = await prepare(DOCKERFILES.good);
    const handles = [await builder.start(build), await builder.start(build)];
    expect(handles[1]).to.deep.equal(handles[0]);
    const state = await end(handles[0]!);
    expect(await builder.start(build)).to.deep.equal(handles[0]);
    expect(await stateOf(builder, handles[0]!)).to.deep.equal(state);
  });

  it('knows a token for as long as it says, which is long enough to write a status down', async () => {
    const { builder, prepare, pass } = use();
    expect(builder.tokenLifeMs).to.be.above(MINUTE_MS);
    const build = await prepare(DOCKERFILES.good);
    const handle = await builder.start(build);
    pass?.(Math.min(builder.tokenLifeMs, 60 * MINUTE_MS) - 1);
    expect(await builder.start(build)).to.deep.equal(handle);
  });

  it('refuses a token that belongs to another TaskBuild', async () => {
    const { builder, prepare } = use();
    const build = await prepare(DOCKERFILES.good);
    await builder.start(build);
    const foreign = { ...build, owner: { ...build.owner, uid: 'somebody-else' } };
    expect(await builder.start(foreign).catch((error: unknown) => error)).to.include({ reason: 'Invalid' });
  });

  it('answers for many builds at once, and knows none that was never started', async () => {
    const { builder, prepare } = use();
    const handles = [];
    for (const dockerfile of [DOCKERFILES.slow, DOCKERFILES.good]) {
      handles.push(await builder.start(await prepare(dockerfile)));
    }
    const never = { id: 'never-started', namespace: handles[0]!.namespace };
    const states = await builder.states([...handles, never]);
    expect([...states.keys()]).to.have.members([...handles, never].map(({ id }) => id));
    expect(states.get(never.id)).to.deep.equal({ kind: 'unknown' });
    expect(states.get(handles[0]!.id)?.kind).to.be.oneOf(['queued', 'running']);
    await Promise.all(handles.map((handle) => builder.stop(handle)));
  });

  it('stops a build, after which it knows it no more', async () => {
    const { builder, prepare } = use();
    const handle = await builder.start(await prepare(DOCKERFILES.slow));
    await builder.stop(handle);
    await builder.stop(handle);
    expect(await stateOf(builder, handle)).to.deep.equal({ kind: 'unknown' });
  });
}

function failures(use: () => BuilderUnderTest): void {
  const failed = async (dockerfile: string, change?: Partial<Build>) => {
    const { builder, prepare, end } = use();
    return expectFailure(await end(await builder.start(await prepare(dockerfile, change))));
  };

  it('says DockerfileFailed, names the step and keeps the end of the log', async () => {
    const { reason, message, logTail, failedStep } = await failed(DOCKERFILES.failing);
    expect(reason).to.equal('DockerfileFailed');
    expect(message).to.contain('RUN').and.contain('exit code: 3');
    expect(failedStep).to.match(/^RUN printf /);
    expect(logTail).to.have.length.within(1, 20);
    expect(logTail.join('\n')).to.not.match(/[^\n\P{Cc}]/u);
  });

  it('says DockerfileFailed for a Dockerfile that does not parse', async () => {
    const { reason, message } = await failed(DOCKERFILES.unparsable);
    expect([reason, message.includes('RUNN')]).to.deep.equal(['DockerfileFailed', true]);
  });

  it('says BaseImageNotFound, and names the image', async () => {
    const { reason, message } = await failed(DOCKERFILES.missingBase);
    expect([reason, message.includes('no/such-image:1')]).to.deep.equal(['BaseImageNotFound', true]);
  });

  it('says BuildTimeout for a build that outlives its timeout', async () => {
    expect((await failed(DOCKERFILES.slow, { timeoutSeconds: 5 })).reason).to.equal('BuildTimeout');
  });
}

/** Runs the contract on the builder that `use` returns; it is asked anew in each test. */
export function imageBuilderContract(use: () => BuilderUnderTest): void {
  describe('builds', () => {
    lifecycle(use);
    it('hands over arguments as they are written, whatever a shell or Kubernetes would make of them', async () => {
      const { builder, prepare, end } = use();
      const build = await prepare(DOCKERFILES.arguments, { buildArgs: { TEXT: '$(HOME) $$x, "a"=b' } });
      expect(await end(await builder.start(build))).to.have.property('kind', 'succeeded');
    });
  });
  describe('failures', () => failures(use));
}
