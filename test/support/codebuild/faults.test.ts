import { ListBuildsForProjectCommand, StopBuildCommand } from '@aws-sdk/client-codebuild';
import { expect } from 'chai';
import { ManualClock } from '../manual-clock.ts';
import { scriptedExecutor } from './index.ts';
import { failure, phasesOf, PROJECT, useCodeBuild } from './testing.ts';

const MINUTE = 60_000;

describe('codebuild service: faults of calls', () => {
  const clock = new ManualClock();
  const tested = useCodeBuild(() => ({
    clock,
    executor: scriptedExecutor(() => ({ ms: { BUILD: MINUTE } })),
  }));
  const list = () => tested.client.send(new ListBuildsForProjectCommand({ projectName: PROJECT }));
  const refused = async (): Promise<string> => {
    const { name, message } = await failure(tested.startBuild());
    return `${name}: ${message}`;
  };

  it('throttles so many calls of one operation', async () => {
    const fault = tested.service.inject({ kind: 'throttle', operation: 'StartBuild', times: 2 });
    expect(await refused()).to.equal('ThrottlingException: Rate exceeded');
    await list();
    expect(await refused()).to.equal('ThrottlingException: Rate exceeded');
    await tested.startBuild();
    expect([fault.hits, tested.service.builds.length]).to.deep.equal([2, 1]);
  });

  it('throttles every operation where none is named', async () => {
    tested.service.inject({ kind: 'throttle', times: 3 });
    const names = [
      await failure(list()),
      await failure(tested.get('a:b')),
      await failure(tested.startBuild()),
    ];
    expect(names.map(({ name }) => name)).to.deep.equal(Array(3).fill('ThrottlingException'));
  });

  it('lets the SDK’s own retries through a throttle', async () => {
    tested.service.inject({ kind: 'throttle', operation: 'ListBuildsForProject' });
    const patient = tested.clientWith({ maxAttempts: 3 });
    expect((await patient.send(new ListBuildsForProjectCommand({ projectName: PROJECT }))).ids).to.deep.equal(
      [],
    );
    expect(tested.service.calls.map(({ error }) => error)).to.deep.equal(['ThrottlingException', undefined]);
  });

  it('exceeds the account’s limit', async () => {
    tested.service.inject({ kind: 'accountLimit' });
    await list();
    expect(await refused()).to.match(
      /^AccountLimitExceededException: Cannot have more than 0 builds in queue/,
    );
  });

  it('denies access, naming user, action and resource', async () => {
    tested.service.inject({ kind: 'accessDenied', operation: 'StartBuild' });
    const error = await failure(tested.startBuild());
    expect([error.name, error.$metadata?.httpStatusCode]).to.deep.equal(['AccessDeniedException', 403]);
    expect(error.message).to.contain(
      `arn:aws:iam::123456789012:user/operator is not authorized to perform: codebuild:StartBuild on resource: arn:aws:codebuild:us-east-1:123456789012:project/${PROJECT}`,
    );
  });

  it('loses the project, the credentials, and its own mind', async () => {
    tested.service.inject({ kind: 'projectNotFound' });
    expect(await refused()).to.match(
      /^ResourceNotFoundException: Project cannot be found: arn:.*\/abundant-sb-build$/,
    );
    tested.service.inject({ kind: 'expiredToken' });
    expect(await refused()).to.match(/^ExpiredTokenException: /);
    tested.service.inject({ kind: 'internal' });
    expect((await failure(list())).$metadata?.httpStatusCode).to.equal(500);
    expect(tested.service.builds).to.have.length(0);
  });

  it('loses the answer after the effect; the same token then finds the build', async () => {
    tested.service.inject({ kind: 'loseResponse', operation: 'StartBuild' });
    await failure(tested.startBuild({ idempotencyToken: 't' }));
    expect(tested.service.builds).to.have.length(1);
    expect((await tested.startBuild({ idempotencyToken: 't' })).id).to.equal(tested.service.builds[0]!.id);
  });

  it('holds a call before its effect, or after it', async () => {
    for (const [when, builds] of [
      ['before', 0],
      ['after', 1],
    ] as const) {
      await tested.service.close();
      await tested.start({});
      const hold = tested.service.inject({ kind: 'hold', operation: 'StartBuild', when });
      const call = tested.startBuild();
      await hold.reached;
      expect(tested.service.builds, when).to.have.length(builds);
      hold.release();
      await call;
      expect(tested.service.builds, when).to.have.length(1);
    }
  });

  it('answers what was true some time ago', async () => {
    const { id } = await tested.startBuild();
    await clock.advance(10_000);
    const young = await tested.startBuild();
    await clock.advance(MINUTE);
    const stale = (ms: number) => tested.service.inject({ kind: 'stale', ms });
    expect((await tested.get(id!)).currentPhase).to.equal('COMPLETED');
    stale(20_000);
    expect((await tested.get(id!)).currentPhase).to.equal('BUILD');
    stale(MINUTE + 5_000);
    expect(await tested.get(young.id!)).to.be.undefined;
    expect((await tested.get(young.id!)).id).to.equal(young.id);
  });
});

describe('codebuild service: faults of builds', () => {
  const clock = new ManualClock();
  const tested = useCodeBuild(() => ({
    clock,
    executor: scriptedExecutor(() => ({ ms: { BUILD: MINUTE } })),
  }));

  it('keeps a build in the queue', async () => {
    tested.service.inject({ kind: 'queued', ms: MINUTE });
    const { id } = await tested.startBuild();
    await clock.advance(MINUTE - 1);
    expect((await tested.get(id!)).currentPhase).to.equal('QUEUED');
    await clock.advance(1);
    expect((await tested.get(id!)).currentPhase).to.equal('BUILD');
  });

  const context = { statusCode: 'INTERNAL_SERVICE_ERROR', message: 'the host is gone' };
  const ENDS = [
    { status: 'FAULT', phase: 'BUILD' },
    { status: 'TIMED_OUT', phase: 'PROVISIONING' },
    { status: 'FAILED', phase: 'DOWNLOAD_SOURCE' },
    { status: 'TIMED_OUT', phase: 'BUILD' },
    { status: 'STOPPED', phase: 'BUILD' },
    { status: 'FAULT', phase: 'QUEUED' },
    { status: 'FAULT', phase: 'FINALIZING' },
  ] as const;
  for (const { status, phase } of ENDS) {
    it(`ends a build ${status} in ${phase}`, async () => {
      const fault = tested.service.inject({ kind: 'end', status, phase, context });
      const { id } = await tested.startBuild();
      await clock.advance(MINUTE);
      const build = await tested.get(id!);
      expect(phasesOf(build).slice(-2)).to.deep.equal([`${phase} ${status}`, 'COMPLETED']);
      expect(build).to.include({ buildStatus: status, buildComplete: true });
      expect(build.phases!.at(-2)!.contexts).to.deep.equal([context]);
      expect(fault.hits).to.equal(1);
    });
  }

  it('ends it only after some time in the phase', async () => {
    tested.service.inject({ kind: 'end', status: 'FAULT', phase: 'INSTALL', afterMs: 2_000 });
    const { id } = await tested.startBuild();
    await clock.advance(1_999);
    expect((await tested.get(id!)).currentPhase).to.equal('INSTALL');
    await clock.advance(1);
    expect((await tested.get(id!)).buildStatus).to.equal('FAULT');
  });

  it('meets only the builds that it is for, and as many as it is for', async () => {
    const of = ({ sourceVersion }: { sourceVersion?: string }): boolean => sourceVersion === 'bad';
    const fault = tested.service.inject({ kind: 'end', status: 'FAULT', phase: 'BUILD', of, times: 2 });
    const ids: string[] = [];
    for (const sourceVersion of ['good', 'bad', 'bad', 'bad'])
      ids.push((await tested.startBuild({ sourceVersion })).id!);
    await clock.advance(MINUTE);
    const ends = await Promise.all(ids.map(async (id) => (await tested.get(id)).buildStatus));
    expect(ends).to.deep.equal(['SUCCEEDED', 'FAULT', 'FAULT', 'SUCCEEDED']);
    fault.release();
  });

  it('frees the slot of a build that it ended', async () => {
    await tested.service.close();
    await tested.start({ clock, quota: 1 });
    tested.service.inject({ kind: 'end', status: 'FAULT', phase: 'PROVISIONING' });
    await tested.startBuild();
    const { id } = await tested.startBuild();
    await clock.advance(MINUTE);
    expect((await tested.get(id!)).buildStatus).to.equal('SUCCEEDED');
    await tested.client.send(new StopBuildCommand({ id: id! }));
  });
});
