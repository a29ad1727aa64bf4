import { StopBuildCommand } from '@aws-sdk/client-codebuild';
import { expect } from 'chai';
import { ManualClock } from '../manual-clock.ts';
import { scriptedExecutor, type Script } from './index.ts';
import { type Build } from './model.ts';
import { type CodeBuildOptions } from './service.ts';
import { failure, phasesOf, PLACE, PROJECT, useCodeBuild } from './testing.ts';

const MINUTE = 60_000;

/** A service whose builds follow `script` on a clock that the test moves. */
function useClocked(options: Partial<CodeBuildOptions> = {}) {
  const clock = new ManualClock();
  const world: { script: (build: Build) => Script } = { script: () => ({}) };
  const executor = scriptedExecutor((build) => world.script(build));
  const tested = useCodeBuild(() => ({ clock, executor, ...options }));
  beforeEach(() => void (world.script = () => ({})));
  return { tested, clock, world };
}

describe('codebuild service: the way of a build', () => {
  const { tested, clock, world } = useClocked();

  it('goes through all phases, each with its times', async () => {
    world.script = () => ({ ms: { DOWNLOAD_SOURCE: 2_000, BUILD: 30_500 } });
    const { id } = await tested.startBuild();
    await clock.advance(5_000);
    const running = await tested.get(id!);
    expect(running).to.include({ currentPhase: 'BUILD', buildStatus: 'IN_PROGRESS', buildComplete: false });
    expect(running.phases!.at(-1)).to.not.have.any.keys('phaseStatus', 'endTime', 'durationInSeconds');
    await clock.advance(60_000);
    const done = await tested.get(id!);
    expect(phasesOf(done)).to.deep.equal([
      'SUBMITTED SUCCEEDED',
      'QUEUED SUCCEEDED',
      'PROVISIONING SUCCEEDED',
      'DOWNLOAD_SOURCE SUCCEEDED',
      'INSTALL SUCCEEDED',
      'PRE_BUILD SUCCEEDED',
      'BUILD SUCCEEDED',
      'POST_BUILD SUCCEEDED',
      'UPLOAD_ARTIFACTS SUCCEEDED',
      'FINALIZING SUCCEEDED',
      'COMPLETED',
    ]);
    expect(done).to.include({ currentPhase: 'COMPLETED', buildStatus: 'SUCCEEDED', buildComplete: true });
    const build = done.phases!.find(({ phaseType }) => phaseType === 'BUILD')!;
    expect(build.durationInSeconds).to.equal(30);
    expect(build.endTime!.getTime() - build.startTime!.getTime()).to.equal(30_500);
    expect(build.contexts).to.deep.equal([{ statusCode: '', message: '' }]);
    expect(done.endTime!.getTime() - done.startTime!.getTime()).to.equal(32_500);
  });

  it('shows exported variables', async () => {
    world.script = () => ({ exports: { SB_IMAGE_DIGEST: 'sha256:1' } });
    const { exportedEnvironmentVariables } = await tested.build();
    expect(exportedEnvironmentVariables).to.deep.equal([{ name: 'SB_IMAGE_DIGEST', value: 'sha256:1' }]);
  });

  it('runs POST_BUILD and UPLOAD_ARTIFACTS after BUILD has failed, and ends FAILED', async () => {
    world.script = () => ({ fail: { phase: 'BUILD', message: 'exit status 1' } });
    const build = await tested.build();
    expect(build.buildStatus).to.equal('FAILED');
    expect(phasesOf(build).slice(-5)).to.deep.equal([
      'BUILD FAILED',
      'POST_BUILD SUCCEEDED',
      'UPLOAD_ARTIFACTS SUCCEEDED',
      'FINALIZING SUCCEEDED',
      'COMPLETED',
    ]);
    const [context] = build.phases!.find(({ phaseType }) => phaseType === 'BUILD')!.contexts!;
    expect(context).to.deep.equal({ statusCode: 'COMMAND_EXECUTION_ERROR', message: 'exit status 1' });
  });

  it('goes from a failed INSTALL or PRE_BUILD straight to its end', async () => {
    world.script = () => ({ fail: { phase: 'INSTALL', message: 'exit status 1' } });
    const build = await tested.build();
    expect(phasesOf(build).slice(-3)).to.deep.equal(['INSTALL FAILED', 'FINALIZING SUCCEEDED', 'COMPLETED']);
    expect(build.buildStatus).to.equal('FAILED');
  });

  it('faults where its executor breaks', async () => {
    world.script = () => ({
      effect: () => {
        throw new Error('broken');
      },
    });
    const build = await tested.build();
    expect([build.buildStatus, phasesOf(build).at(-2)]).to.deep.equal(['FAULT', 'BUILD FAULT']);
  });

  it('has no log before PROVISIONING: its links then lead to null', async () => {
    const held = tested.service.inject({ kind: 'queued', ms: MINUTE });
    const { id, logs } = await tested.startBuild();
    await held.reached;
    expect(logs!.deepLink).to.match(/group=null;stream=null$/);
    expect(logs!.cloudWatchLogsArn).to.match(/:log-group:null:log-stream:null$/);
    expect(logs).to.not.have.any.keys('groupName', 'streamName');
    await clock.advance(MINUTE);
    const stream = id!.split(':')[1]!;
    expect((await tested.get(id!)).logs).to.include({
      groupName: `/aws/codebuild/${PROJECT}`,
      streamName: stream,
      deepLink: `https://console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/$252Faws$252Fcodebuild$252F${PROJECT}/log-events/${stream}`,
      cloudWatchLogsArn: `arn:aws:logs:${PLACE.region}:${PLACE.account}:log-group:/aws/codebuild/${PROJECT}:log-stream:${stream}`,
    });
  });

  it('writes the log with CodeBuild’s own lines round those of the commands', async () => {
    world.script = () => ({
      log: ['#1 [internal] load'],
      fail: { phase: 'BUILD', message: 'exit status 3' },
    });
    const { logs } = await tested.build();
    const lines = tested.logs.lines(logs!.groupName!, logs!.streamName!);
    expect(lines).to.include('#1 [internal] load');
    expect(lines[0]).to.match(/^\[Container\] \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\.\d{6} Running on CodeBuild/);
    expect(lines.map((line) => line.split(' ').slice(3).join(' '))).to.include.members([
      'Entering phase BUILD',
      'Phase complete: BUILD State: FAILED',
      'Phase context status code: COMMAND_EXECUTION_ERROR Message: exit status 3',
    ]);
  });

  it('logs nowhere where logs are disabled, and elsewhere where the call says so', async () => {
    const off = await tested.build({ logsConfigOverride: { cloudWatchLogs: { status: 'DISABLED' } } });
    expect(off.logs).to.deep.equal({ cloudWatchLogs: { status: 'DISABLED' } });
    const cloudWatchLogs = { status: 'ENABLED' as const, groupName: '/sb/builds', streamName: 'a' };
    const there = await tested.build({ logsConfigOverride: { cloudWatchLogs } });
    expect(there.logs).to.include({ groupName: '/sb/builds', streamName: `a/${there.id!.split(':')[1]}` });
  });
});

describe('codebuild service: the end of a build from outside', () => {
  const { tested, clock, world } = useClocked();
  beforeEach(() => void (world.script = () => ({ ms: { BUILD: 600 * MINUTE } })));
  const stop = (id: string) => tested.client.send(new StopBuildCommand({ id }));

  it('stops a running build: its phase and it end STOPPED, and nothing more of it runs', async () => {
    const { id } = await tested.startBuild();
    await tested.until(id!, ({ currentPhase }) => currentPhase === 'BUILD');
    expect((await stop(id!)).build!.id).to.equal(id);
    const build = await tested.until(id!, ({ buildComplete }) => buildComplete === true);
    expect(build.buildStatus).to.equal('STOPPED');
    expect(phasesOf(build).slice(-2)).to.deep.equal(['BUILD STOPPED', 'COMPLETED']);
  });

  it('leaves a complete build what it is', async () => {
    world.script = () => ({});
    const { id } = await tested.build();
    expect((await stop(id!)).build!.buildStatus).to.equal('SUCCEEDED');
    expect((await tested.get(id!)).buildStatus).to.equal('SUCCEEDED');
  });

  it('is stopped at the console as by the call', async () => {
    const { id } = await tested.startBuild();
    tested.service.stop(id!);
    expect((await tested.until(id!, (build) => build.buildComplete === true)).buildStatus).to.equal(
      'STOPPED',
    );
  });

  it('times out after its minutes, not counting those in the queue', async () => {
    tested.service.inject({ kind: 'queued', ms: 4 * MINUTE });
    const { id } = await tested.startBuild({ timeoutInMinutesOverride: 5 });
    await clock.advance(9 * MINUTE - 1);
    expect((await tested.get(id!)).buildStatus).to.equal('IN_PROGRESS');
    await clock.advance(1);
    const build = await tested.until(id!, ({ buildComplete }) => buildComplete === true);
    expect(build.buildStatus).to.equal('TIMED_OUT');
    expect(phasesOf(build).slice(-2)).to.deep.equal(['BUILD TIMED_OUT', 'COMPLETED']);
    expect(build.phases!.at(-2)!.contexts![0]!.statusCode).to.equal('BUILD_TIMED_OUT');
  });
});

describe('codebuild service: quota and queue', () => {
  const projects = { [PROJECT]: {}, limited: { concurrentBuildLimit: 1 } };
  const { tested, clock, world } = useClocked({ quota: 2, queueLimit: 2, projects });
  beforeEach(() => void (world.script = () => ({ ms: { BUILD: MINUTE } })));
  const phases = (): string[] => tested.service.builds.map(({ currentPhase }) => currentPhase);

  it('runs as many builds as the quota, queues the next ones, and refuses those past the queue', async () => {
    for (let i = 0; i < 4; i++) await tested.startBuild();
    const error = await failure(tested.startBuild());
    expect(`${error.name}: ${error.message}`).to.equal(
      'AccountLimitExceededException: Cannot have more than 2 builds in queue for the account',
    );
    expect(phases()).to.deep.equal(['BUILD', 'BUILD', 'QUEUED', 'QUEUED']);
    await clock.advance(MINUTE);
    expect(phases()).to.deep.equal(['COMPLETED', 'COMPLETED', 'BUILD', 'BUILD']);
    await tested.startBuild();
    await clock.advance(MINUTE);
    expect(phases()).to.deep.equal(['COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'BUILD']);
  });

  it('times a queued build out, and gives no slot to a stopped one', async () => {
    world.script = () => ({ ms: { BUILD: 6 * MINUTE } });
    for (let i = 0; i < 2; i++) await tested.startBuild();
    const late = await tested.startBuild({ queuedTimeoutInMinutesOverride: 5 });
    const stopped = await tested.startBuild();
    tested.service.stop(stopped.id!);
    await clock.advance(5 * MINUTE);
    expect(phasesOf(await tested.get(late.id!)).slice(-2)).to.deep.equal(['QUEUED TIMED_OUT', 'COMPLETED']);
    expect((await tested.get(late.id!)).buildStatus).to.equal('TIMED_OUT');
    expect(phasesOf(await tested.get(stopped.id!)).slice(-2)).to.deep.equal(['QUEUED STOPPED', 'COMPLETED']);
    await clock.advance(2 * MINUTE);
    for (let i = 0; i < 2; i++) await tested.startBuild();
    await clock.advance(0);
    expect(phases().slice(-2)).to.deep.equal(['BUILD', 'BUILD']);
  });

  it('refuses, and does not queue, builds past the limit of their project', async () => {
    await tested.startBuild({ projectName: 'limited' });
    const error = await failure(tested.startBuild({ projectName: 'limited' }));
    expect(error.name).to.equal('AccountLimitExceededException');
    await tested.startBuild();
    expect(tested.service.builds).to.have.length(2);
  });
});
