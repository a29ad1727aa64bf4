import { expect } from 'chai';
import { setTimeout as wait } from 'node:timers/promises';
import {
  memoryLogs,
  scriptedExecutor,
  startCodeBuild,
  type Build as ServiceBuild,
  type CodeBuildService,
  type Script,
} from '../../../test/support/codebuild/index.ts';
import { refusalOf, roleOf } from '../../../test/support/aws/iam/roles.ts';
import { systemClock, type Clock } from '../../async/clock.ts';
import { ProviderError } from '../errors.ts';
import { codebuildImageBuilder, type CodeBuildSettings } from './codebuild.ts';
import { DOCKERFILES, imageBuilderContract } from './contract.ts';
import type { Build, BuildHandle, BuildState, ImageBuilder } from './port.ts';

const PROJECT = 'abundant-sb-build';
const OPERATOR = roleOf('operator');
const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const KEYS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' };

let count = 0;
const buildOf = (change: Partial<Build> = {}): Build => ({
  token: `hello-${++count}`,
  owner: { namespace: 'agents', name: 'hello', uid: 'uid-1' },
  attempt: 1,
  image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/abundant-sb-sandboxes:hello-0123456789ab',
  context: {
    kind: 's3',
    uri: 's3://abundant-sb-artifacts/tasks/hello/context.zip',
    versionId: 'v1',
    sha256: 'ab'.repeat(32),
  },
  dockerfile: 'Dockerfile',
  platform: 'linux/amd64',
  buildArgs: {},
  timeoutSeconds: 600,
  ...change,
});

const broken = (...log: string[]): Script => ({ log, fail: { phase: 'BUILD', message: 'exit status 1' } });
const solve = (error: string): Script => broken(`ERROR: failed to build: failed to solve: ${error}`);
const RUN = String.raw`RUN printf 'line %s\n' $(seq 40)`;

/** What buildx says of what the contract builds. */
const SCRIPTS: Record<string, Script> = {
  [DOCKERFILES.failing]: broken(
    ...Array.from({ length: 30 }, (_, line) => `#5 0.1 line ${line}`),
    '------',
    ` > [2/2] ${RUN}:`,
    '------',
    'ERROR: failed to build: failed to solve: process "/bin/sh -c printf" did not complete successfully: exit code: 3',
  ),
  [DOCKERFILES.unparsable]: solve('dockerfile parse error on line 2: unknown instruction: RUNN'),
  [DOCKERFILES.missingBase]: solve(
    'no/such-image:1: failed to resolve source metadata for docker.io/no/such-image:1: docker.io/no/such-image:1: not found',
  ),
  [DOCKERFILES.slow]: { ms: { BUILD: 60_000 } },
};
const LATE = broken('ERROR: context canceled', 'sb-build: BuildTimeout: the build outlived its 5 seconds');

const variable = ({ environment }: ServiceBuild, name: string): string | undefined =>
  environment.environmentVariables.find((candidate) => candidate.name === name)?.value;

const failure = (work: Promise<unknown>): Promise<ProviderError> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: ProviderError) => error,
  );

describe('codebuild ImageBuilder', () => {
  const logs = memoryLogs();
  /** By token; what is not there builds well. */
  const scripts = new Map<string, Script>();
  const projects = { [PROJECT]: {} };
  /** How far the service's clock is ahead. */
  let leapMs = 0;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + leapMs };
  let service: CodeBuildService;
  let settings: CodeBuildSettings;
  let builder: ImageBuilder;

  beforeEach(async () => {
    leapMs = 0;
    const executor = scriptedExecutor((build) => ({
      exports: { SB_IMAGE_DIGEST: DIGEST },
      ...(variable(build, 'SB_TIMEOUT_SECONDS') === '5'
        ? LATE
        : scripts.get(variable(build, 'SB_BUILD_TOKEN') ?? '')),
    }));
    service = await startCodeBuild({
      region: 'us-east-1',
      account: '123456789012',
      credentials: KEYS,
      projects,
      executor,
      logs,
      clock,
    });
    settings = {
      region: 'us-east-1',
      platform: 'linux/amd64',
      project: PROJECT,
      stack: 'abundant-sb',
      buildkitImage: 'moby/buildkit:v0.27.1',
      baseImageMirrors: { 'docker.io/library': 'public.ecr.aws/docker/library' },
      endpoint: await service.door((asked) => refusalOf(OPERATOR, asked)),
      credentials: KEYS,
      readLog: async (group, stream) => logs.lines(group, stream).join('\n'),
    };
    builder = codebuildImageBuilder(settings);
  });
  afterEach(() => service.close());

  const stateOf = async (handle: BuildHandle, of = builder): Promise<BuildState> =>
    (await of.states([handle])).get(handle.id)!;
  async function end(handle: BuildHandle, of = builder): Promise<BuildState> {
    for (;;) {
      const state = await stateOf(handle, of);
      if (state.kind !== 'queued' && state.kind !== 'running') return state;
      await wait(5);
    }
  }
  const endOf = async (script: Script, change?: Partial<Build>): Promise<BuildState> => {
    const build = buildOf(change);
    scripts.set(build.token, script);
    return end(await builder.start(build));
  };
  const callsOf = (operation: string) => service.calls.filter((call) => call.operation.endsWith(operation));

  imageBuilderContract(() => ({
    builder,
    async prepare(dockerfile, change) {
      const build = buildOf(change);
      scripts.set(build.token, SCRIPTS[dockerfile] ?? {});
      return build;
    },
    end,
    pass: (ms) => void (leapMs += ms),
  }));

  describe('starting', () => {
    it('needs one call, and names the page of the build', async () => {
      const { id, consoleUrl } = await builder.start(buildOf());
      expect(service.calls.map(({ operation }) => operation)).to.have.length(1);
      expect(consoleUrl).to.equal(
        `https://us-east-1.console.aws.amazon.com/codesuite/codebuild/123456789012/projects/${PROJECT}/build/${id.replace(':', '%3A')}/?region=us-east-1`,
      );
    });

    it('finds a build whose id was lost, however old its token', async () => {
      const build = buildOf();
      const first = await builder.start(build);
      for (let other = 0; other < 3; other++) await builder.start(buildOf());
      expect(await builder.start({ ...build, mayExist: true })).to.deep.equal(first);
      expect(callsOf('StartBuild')).to.have.length(4);
    });

    it('starts a build that may exist and does not', async () => {
      await builder.start(buildOf({ mayExist: true }));
      expect(service.builds).to.have.length(1);
    });

    it('is not searched for once more each time that a start is refused', async () => {
      const build = buildOf({ mayExist: true });
      for (let n = 0; n < 3; n++) {
        service.inject({ kind: 'accountLimit' });
        await failure(builder.start(build));
      }
      expect(callsOf('ListBuildsForProject')).to.have.length(1);
    });

    it('cost twenty calls for each start that was refused from the beginning, and costs one', async () => {
      const build = buildOf();
      service.inject({ kind: 'accountLimit', times: 2 });
      await failure(builder.start(build));
      service.calls.length = 0;
      await failure(builder.start({ ...build, mayExist: true }));
      expect(service.calls).to.have.length(1);
    });

    it('is not searched for among builds that are older than its token', async () => {
      for (let n = 0; n < 101; n++) await builder.start(buildOf());
      leapMs = 3_600_000;
      const openedTime = new Date(Date.now() + leapMs).toISOString();
      await builder.start(buildOf({ mayExist: true, openedTime }));
      expect(callsOf('ListBuildsForProject')).to.have.length(1);
    });

    it('is searched for again where a start had no answer', async () => {
      const build = buildOf({ mayExist: true });
      service.inject({ kind: 'accountLimit' });
      await failure(builder.start(build));
      service.inject({ kind: 'loseResponse', operation: 'StartBuild' });
      await failure(builder.start(build));
      await builder.start(build);
      expect(service.builds).to.have.length(1);
      expect(callsOf('ListBuildsForProject')).to.have.length(2);
    });

    it('refuses a found token of another TaskBuild', async () => {
      const build = buildOf();
      await builder.start(build);
      const foreign = { ...build, mayExist: true, owner: { ...build.owner, uid: 'somebody-else' } };
      expect(await failure(builder.start(foreign))).to.include({ reason: 'Invalid' });
    });

    const refusals = [
      [{ kind: 'throttle' }, 'Throttled', 'Rate exceeded'],
      [{ kind: 'accountLimit' }, 'QuotaExceeded', 'AccountLimitExceededException'],
      [{ kind: 'accessDenied', operation: 'StartBuild' }, 'AccessDenied', 'codebuild:StartBuild'],
      [{ kind: 'projectNotFound' }, 'NotFound', PROJECT],
      [{ kind: 'expiredToken' }, 'Unavailable', 'start build'],
      [{ kind: 'internal' }, 'Unavailable', 'start build'],
      [{ kind: 'loseResponse' }, 'Unavailable', 'start build'],
    ] as const;
    for (const [fault, reason, said] of refusals) {
      it(`says ${reason} where CodeBuild has the fault ${fault.kind}`, async () => {
        service.inject(fault);
        const error = await failure(builder.start(buildOf()));
        expect([error.reason, error.message.includes(said)], error.message).to.deep.equal([reason, true]);
      });
    }

    it('makes one build where the answer was lost and the call is made again', async () => {
      const build = buildOf();
      service.inject({ kind: 'loseResponse' });
      await failure(builder.start(build));
      await builder.start(build);
      expect(service.builds).to.have.length(1);
    });
  });

  describe('states', () => {
    it('tells phases, and the log’s address once there is a log', async () => {
      service.inject({ kind: 'queued', ms: 30 });
      const handle = await builder.start(buildOf());
      expect(await stateOf(handle)).to.deep.equal({ kind: 'queued' });
      const state = await end(handle);
      expect(state).to.include({ kind: 'succeeded', digest: DIGEST });
      expect(state).to.have.property('logUrl').that.contains('cloudwatch');
      expect(state).to.have.property('phases').that.is.an('array').that.is.not.empty;
    });

    it('asks for a hundred builds a call, and for none where there is none', async () => {
      const handles = [];
      for (let n = 0; n < 101; n++) handles.push(await builder.start(buildOf()));
      expect((await builder.states(handles)).size).to.equal(101);
      expect(callsOf('BatchGetBuilds')).to.have.length(2);
      await builder.states([]);
      expect(callsOf('BatchGetBuilds')).to.have.length(2);
    });

    it('says of a failed call which action it was', async () => {
      const handle = await builder.start(buildOf());
      service.inject({ kind: 'accessDenied', operation: 'BatchGetBuilds' });
      const error = await failure(builder.states([handle]));
      expect(error).to.include({ reason: 'AccessDenied' });
      expect(error.message).to.contain('codebuild:BatchGetBuilds');
    });

    it('says BuildStopped where somebody else stopped it', async () => {
      const build = buildOf();
      scripts.set(build.token, SCRIPTS[DOCKERFILES.slow]!);
      const handle = await builder.start(build);
      service.stop(handle.id);
      expect(await end(handle)).to.include({ kind: 'failed', reason: 'BuildStopped' });
    });

    const ends = [
      ['FAULT', 'BUILD', 'BuilderFault'],
      ['TIMED_OUT', 'PROVISIONING', 'BuilderFault'],
      ['TIMED_OUT', 'QUEUED', 'QueueTimeout'],
      ['TIMED_OUT', 'BUILD', 'BuildTimeout'],
      ['FAULT', 'PROVISIONING', 'BuilderFault'],
    ] as const;
    for (const [status, phase, reason] of ends) {
      it(`says ${reason} for a build that ends ${status} in ${phase}`, async () => {
        service.inject({ kind: 'end', status, phase });
        expect(await endOf(SCRIPTS[DOCKERFILES.slow]!)).to.include({ kind: 'failed', reason });
      });
    }
  });

  describe('a log', () => {
    const silent = broken('#5 [2/2] RUN make');

    it('is waited for where its end is still on its way', async () => {
      const build = buildOf();
      scripts.set(build.token, silent);
      const handle = await builder.start(build);
      await wait(50);
      expect(await stateOf(handle)).to.include({ kind: 'running' });
      const later = codebuildImageBuilder({ ...settings, now: () => Date.now() + 60_000 });
      const state = await end(handle, later);
      expect(state).to.include({ kind: 'failed', reason: 'BuilderFault' });
      expect(state).to.have.property('logTail').that.includes('#5 [2/2] RUN make');
    });

    it('that may not be read leaves the phase to decide, and names the action', async () => {
      const refuse = () => Promise.reject(new ProviderError('AccessDenied', 'it needs logs:GetLogEvents'));
      const blind = codebuildImageBuilder({ ...settings, readLog: refuse });
      const build = buildOf();
      scripts.set(build.token, silent);
      const state = await end(await blind.start(build), blind);
      expect(state).to.include({ kind: 'failed', reason: 'DockerfileFailed' });
      expect(state).to.have.property('message').that.contains('logs:GetLogEvents');
    });
  });

  it('takes a build that is gone for stopped', async () => {
    await builder.stop({ id: `${PROJECT}:00000000-0000-4000-8000-000000000000`, namespace: 'agents' });
    expect(callsOf('StopBuild').map(({ error }) => error)).to.deep.equal(['ResourceNotFoundException']);
  });
});
