import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { AUTHORITIES } from '../../src/agents/programs/portable.ts';
import { pypiProgram } from '../../src/agents/programs/pypi.ts';
import { codebuildImageBuilder } from '../../src/providers/image-builder/codebuild.ts';
import { cloudWatchLog } from '../../src/providers/image-builder/codebuild/log.ts';
import { DOCKERFILES, imageBuilderContract } from '../../src/providers/image-builder/contract.ts';
import type { Build, BuildHandle, BuildState, ImageBuilder } from '../../src/providers/image-builder/port.ts';
import { assumeRole, callAws, PROJECT } from '../support/aws/index.ts';
import { CREDENTIALS, ECR_HOST, LIMITED_HOST, REGION, REPOSITORY, STACK } from '../support/aws/facts.ts';
import { storeContext } from './aws/context.ts';
import { useAws } from './aws/world.ts';
import { machineAuthorities } from './cluster/images/operator-image.ts';

/** Long enough for a busy machine. */
const LIMIT_MS = 120_000;
/** It asks a mirror of Debian and the Python Package Index. */
const PROGRAM_LIMIT_MS = 280_000;
const LIBRARY = { 'docker.io/library': 'public.ecr.aws/docker/library' };

describe('codebuild ImageBuilder', function () {
  this.timeout(LIMIT_MS + 30_000);
  const aws = useAws();
  let builder: ImageBuilder;
  before(() => void (builder = builderWith(CREDENTIALS)));

  type Credentials = NonNullable<Parameters<typeof codebuildImageBuilder>[0]['credentials']>;

  const builderWith = (credentials: Credentials): ImageBuilder =>
    codebuildImageBuilder({
      region: REGION,
      platform: 'linux/amd64',
      project: PROJECT,
      stack: STACK,
      endpoint: aws().operatorUrls.codebuild,
      credentials,
      buildkitImage: 'brought-by-the-build-machine',
      baseImageMirrors: LIBRARY,
      readLog: cloudWatchLog(
        new CloudWatchLogsClient({ region: REGION, endpoint: aws().front.url, credentials }),
      ),
    });

  async function prepare(
    dockerfile: string,
    change: Partial<Build> = {},
    files: Record<string, string> = {},
  ): Promise<Build> {
    const token = `build-${randomBytes(4).toString('hex')}`;
    const { uri, versionId, sha256 } = await storeContext(token, { ...files, Dockerfile: dockerfile });
    return {
      token,
      owner: { namespace: 'builds', name: token, uid: `uid-${token}` },
      attempt: 1,
      image: `${ECR_HOST}/${REPOSITORY}:${token}`,
      context: { kind: 's3', uri, versionId, sha256 },
      dockerfile: 'Dockerfile',
      platform: 'linux/amd64',
      timeoutSeconds: 300,
      ...change,
      // What a build prints in one run must not come out of the cache in the next.
      buildArgs: { NONCE: token, ...change.buildArgs },
    };
  }

  async function end(handle: BuildHandle, asked = builder, limitMs = LIMIT_MS): Promise<BuildState> {
    for (const limit = Date.now() + limitMs; Date.now() < limit; await sleep(300)) {
      const state = (await asked.states([handle])).get(handle.id)!;
      if (state.kind !== 'queued' && state.kind !== 'running') return state;
    }
    throw new Error(`build ${handle.id} goes on and on`);
  }

  const outcome = async (dockerfile: string, change?: Partial<Build>): Promise<BuildState> =>
    end(await builder.start(await prepare(dockerfile, change)));

  const imageOf = (tag: string): Promise<{ images: { imageId: { imageDigest?: string } }[] }> =>
    aws().front.ecr.tagged(REPOSITORY, tag);

  imageBuilderContract(() => ({ builder, prepare, end }));

  it('makes the program of an agent, as the operator writes its Dockerfile', async function () {
    this.timeout(PROGRAM_LIMIT_MS + 30_000);
    // A small one, which takes the way of all Python agents; it starts at the end of its build.
    const program = pypiProgram({
      package: 'markdown-it-py',
      bin: 'markdown-it',
      python: '3.11',
      packed: ['markdown_it'],
    });
    const trusted = await machineAuthorities();
    const files = trusted === undefined ? {} : { [AUTHORITIES]: readFileSync(trusted, 'utf8') };
    const build = await prepare(program.dockerfile('3.0.0'), {}, files);
    const state = await end(await builder.start(build), builder, PROGRAM_LIMIT_MS);
    expect(state, JSON.stringify(state)).to.have.property('kind', 'succeeded');
    const { images } = await imageOf(build.token);
    expect(images).to.have.length(1);
  });

  it('names the digest that ECR has', async () => {
    const build = await prepare(DOCKERFILES.good);
    const state = await end(await builder.start(build));
    const { images } = await imageOf(build.token);
    expect(state).to.have.property('digest', images[0]?.imageId.imageDigest);
  });

  it('builds the version that was seen, whatever was stored since', async () => {
    const build = await prepare('FROM debian:bookworm-slim\nRUN true # the first\n');
    await storeContext(build.token, { Dockerfile: 'FROM debian:bookworm-slim\nRUN exit 9\n' });
    expect(await end(await builder.start(build))).to.have.property('kind', 'succeeded');
  });

  it('says ContextMismatch for an archive with another hash', async () => {
    const build = await prepare(DOCKERFILES.good);
    const context = { ...build.context, sha256: '0'.repeat(64) };
    const state = await end(await builder.start({ ...build, context }));
    expect(state).to.include({ kind: 'failed', reason: 'ContextMismatch' });
  });

  it('says BaseImageRateLimited for a registry that has had enough', async () => {
    const state = await outcome(`FROM ${LIMITED_HOST}/library/debian:1\n`);
    expect(state).to.include({ kind: 'failed', reason: 'BaseImageRateLimited' });
  });

  it('says PushDenied where the build’s role may not push', async () => {
    aws().front.ecr.closed.add(REPOSITORY);
    try {
      const state = await outcome('FROM debian:bookworm-slim\nRUN echo denied\n');
      expect(state).to.include({ kind: 'failed', reason: 'PushDenied' });
      expect(state).to.have.property('message').that.contains('ecr:InitiateLayerUpload');
    } finally {
      aws().front.ecr.closed.delete(REPOSITORY);
    }
  });

  it('takes no image over that was pushed under the immutable tag meanwhile', async () => {
    const first = await prepare('FROM debian:bookworm-slim\nRUN echo one\n');
    expect(await end(await builder.start(first))).to.have.property('kind', 'succeeded');
    const second = 'FROM debian:bookworm-slim\nRUN echo two\n';
    expect(await outcome(second, { image: first.image })).to.include({
      kind: 'failed',
      reason: 'TagImmutable',
    });
  });

  it('logs in to Docker Hub with a secret that is seen nowhere', async () => {
    const password = `secret-${randomBytes(8).toString('hex')}`;
    await callAws(aws().front.url, ['secretsmanager', 'CreateSecret'], {
      Name: `${STACK}/dockerhub`,
      SecretString: JSON.stringify({ username: 'somebody', password }),
    });
    const state = await outcome('FROM debian:bookworm-slim\nRUN false\n', { secret: 'dockerhub' });
    expect(state).to.include({ kind: 'failed', reason: 'DockerfileFailed' });
    const { codebuild } = aws();
    expect(JSON.stringify([state, codebuild.calls, codebuild.builds])).not.to.contain(password);
    expect(await outcome(DOCKERFILES.good, { secret: 'dockerhub' })).to.have.property('kind', 'succeeded');
    expect(await outcome(DOCKERFILES.good, { secret: 'nobody-made-this' })).to.include({
      kind: 'failed',
      reason: 'BuilderNotFound',
    });
  });

  it('logs in to ECR again where the login ended before the push', async () => {
    const { ecr } = aws().front;
    ecr.tokenSeconds = 3;
    const late = await prepare('FROM debian:bookworm-slim\nARG NONCE\nRUN sleep 4 # $NONCE\n');
    const state = await end(await builder.start(late)).finally(() => {
      ecr.tokenSeconds = 12 * 3600;
    });
    expect(state).to.have.property('kind', 'succeeded');
  });

  it('goes on with new credentials where its own expire while a build runs', async () => {
    const { front } = aws();
    front.sessions.lifeSeconds = 2;
    const own = builderWith(() => assumeRole(front.url));
    const handle = await own.start(
      await prepare('FROM debian:bookworm-slim\nARG NONCE\nRUN sleep 5 # $NONCE\n'),
    );
    expect(await end(handle, own)).to.have.property('kind', 'succeeded');
    const expired = front.sessions.known.filter(({ expiration = Infinity }) => expiration < Date.now());
    expect(expired).to.have.length.at.least(1);
  });
});
