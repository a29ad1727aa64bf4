import { expect } from 'chai';
import { conditionOf } from '../../src/crds/conditions.ts';
import { TaskBuild as TaskBuildKind } from '../../src/crds/kinds.ts';
import type { BuildActiveReason, BuildFailedReason, BuildReason } from '../../src/crds/reasons.ts';
import type { TaskBuild } from '../../src/crds/task-build.ts';
import { ProviderError } from '../../src/providers/errors.ts';
import type { BuildFault, Fault, Script } from '../support/codebuild/index.ts';
import { until } from '../support/kube.ts';
import { addTaskBuild, callsOf, context, startWorld } from './codebuild-world.ts';
import { breaches } from './invariants.ts';
import type { World, WorldOptions } from './world.ts';

const NAME = 'hello';
const PROJECT_ARN = 'arn:aws:codebuild:us-east-1:<account>:project/abundant-sb-build';
/** No more: a lease that ends within moments, on a busy machine, has an operator ask again for what it asked before. */
const HASTE = 10;
const QUICK = { ms: { BUILD: 20 } } as const;
const ENDLESS = { ms: { BUILD: 60_000 } } as const;

const buildOf = (world: World): TaskBuild | undefined => world.taskBuilds[0];
const saidOf = (world: World) => conditionOf(buildOf(world) ?? {}, 'Succeeded');

/** Reasons and messages that a TaskBuild has had, oldest first. */
function listen(world: World): string[] {
  const heard: string[] = [];
  world.server.collection(TaskBuildKind).watchers.add(({ object }) => {
    const said = conditionOf(object as TaskBuild, 'Succeeded');
    if (said) heard.push(`${said.reason}: ${said.message}`);
  });
  return heard;
}

interface Story {
  faults?: Fault[];
  script?: Script;
  spec?: Parameters<typeof addTaskBuild>[2];
  fault?: WorldOptions['fault'];
}

async function inWorld<T>(story: Story, tell: (world: World) => Promise<T>): Promise<T> {
  const { faults = [], script = QUICK, fault = () => undefined } = story;
  const world = await startWorld({ haste: HASTE, codebuild: { script, pollMs: 50 * HASTE }, fault });
  try {
    for (const each of faults) world.codebuild.inject(each);
    addTaskBuild(world, NAME, story.spec);
    await world.startOperator();
    return await tell(world);
  } finally {
    await world.close();
  }
}

/** Its end, with what was said before. */
const play = (story: Story) =>
  inWorld(story, async (world) => {
    const heard = listen(world);
    const pauses = (): boolean => saidOf(world)?.reason === 'Retrying';
    await until('it has ended, or pauses', () => world.ended || pauses());
    // Over the pause before the next attempt.
    if (pauses()) world.pass(20_000);
    await world.rest();
    return {
      heard,
      breaches: await breaches(world),
      ...saidOf(world),
      attempts: buildOf(world)?.status?.attempts ?? [],
      builds: world.codebuild.builds.length,
      starts: callsOf(world, 'StartBuild').length,
    };
  });

/** A registry or a bucket that is asked too much, three times. */
function firstCalls(of: string, where = /^/): NonNullable<WorldOptions['fault']> {
  let left = 3;
  return (operation, subject) =>
    operation === of && where.test(subject) && left-- > 0
      ? new ProviderError('Throttled', `${of} ${subject}: ThrottlingException: Rate exceeded`)
      : undefined;
}

/** How a build ends before its commands run. */
const end = (phase: (BuildFault & { kind: 'end' })['phase'], message: string) =>
  ({ kind: 'end', status: 'FAILED', phase, context: { statusCode: 'CLIENT_ERROR', message } }) as const;

describe('a TaskBuild on CodeBuild', function () {
  const recoveries: Record<string, Story & { says: BuildActiveReason; with?: string; attempts?: number }> = {
    'throttled StartBuild calls': {
      faults: [{ kind: 'throttle', operation: 'StartBuild', times: 3 }],
      says: 'BuilderNotAnswering',
      with: 'Rate exceeded',
    },
    'throttled BatchGetBuilds calls': {
      faults: [{ kind: 'throttle', operation: 'BatchGetBuilds', times: 3 }],
      says: 'BuilderNotAnswering',
      with: 'Rate exceeded',
    },
    'throttled DescribeImages calls before a build': {
      fault: firstCalls('resolve', /:hello-[0-9a-f]{12}$/),
      says: 'RegistryUnavailable',
      with: 'Rate exceeded',
    },
    'throttled DescribeImages calls after a build': {
      fault: firstCalls('resolve', /@sha256:/),
      says: 'RegistryUnavailable',
      with: 'Rate exceeded',
    },
    'throttled GetObject calls for what is on record': {
      fault: firstCalls('get', /^builds\//),
      says: 'Pending',
      with: 'Rate exceeded',
    },
    'throttled PutObject calls for what goes on record': {
      fault: firstCalls('put', /^builds\//),
      says: 'Pending',
      with: 'Rate exceeded',
    },
    'throttled HeadObject calls': {
      fault: firstCalls('head'),
      says: 'Pending',
      with: 'Rate exceeded',
    },
    'a full account': {
      faults: [{ kind: 'accountLimit', times: 3 }],
      says: 'QuotaExceeded',
      with: 'AccountLimitExceededException',
    },
    'credentials that expire before a start': {
      faults: [{ kind: 'expiredToken', operation: 'StartBuild', times: 2 }],
      says: 'BuilderNotAnswering',
      with: 'expired',
    },
    'credentials that expire while it builds': {
      faults: [{ kind: 'expiredToken', operation: 'BatchGetBuilds', times: 2 }],
      says: 'BuilderNotAnswering',
      with: 'expired',
    },
    'a role that may not look at builds, until it may': {
      faults: [{ kind: 'accessDenied', operation: 'BatchGetBuilds', times: 2 }],
      says: 'BuilderNotAnswering',
      with: `it needs codebuild:BatchGetBuilds on ${PROJECT_ARN}`,
    },
    'a queue that others had filled, with a second build': {
      faults: [{ kind: 'end', status: 'TIMED_OUT', phase: 'QUEUED' }],
      says: 'Retrying',
      with: 'QueueTimeout',
      attempts: 2,
    },
    'a fault of CodeBuild’s own, with a second build': {
      faults: [{ kind: 'end', status: 'FAULT', phase: 'BUILD' }],
      says: 'Retrying',
      with: 'BuilderFault',
      attempts: 2,
    },
  };
  for (const [what, { says, with: words = '', attempts = 1, ...story }] of Object.entries(recoveries)) {
    it(`gets over ${what}, and says ${says} meanwhile`, async () => {
      const found = await play(story);
      expect(found.heard.filter((said) => said.startsWith(says)).join('\n')).to.contain(words);
      expect(found).to.deep.include({
        reason: 'Built' satisfies BuildReason,
        breaches: [],
        builds: attempts,
      });
      expect(found.attempts).to.have.length(attempts);
    });
  }

  type Failure = Story & { reason: BuildFailedReason; message: string; builds?: number; starts?: number };
  const failures: Record<string, Failure> = {
    'a role that may not start builds': {
      faults: [{ kind: 'accessDenied', operation: 'StartBuild' }],
      reason: 'BuilderAccessDenied',
      message: `it needs codebuild:StartBuild on ${PROJECT_ARN}`,
      builds: 0,
    },
    'a project that is not there': {
      faults: [{ kind: 'projectNotFound' }],
      reason: 'BuilderNotFound',
      message: 'project abundant-sb-build of us-east-1',
      builds: 0,
    },
    'a bucket that is not there when CodeBuild looks': {
      faults: [end('DOWNLOAD_SOURCE', 'NoSuchBucket: The specified bucket does not exist status code: 404')],
      reason: 'BuilderNotFound',
      message: 'NoSuchBucket',
    },
    'a context that is gone when CodeBuild looks': {
      faults: [end('DOWNLOAD_SOURCE', 'NoSuchVersion: The specified version does not exist.')],
      reason: 'ContextNotFound',
      message: 'NoSuchVersion',
    },
    'a project whose role may not read the context': {
      faults: [end('DOWNLOAD_SOURCE', 'AccessDenied: Access Denied status code: 403')],
      reason: 'BuilderAccessDenied',
      message: 's3:GetObject and s3:GetObjectVersion on arn:aws:s3:::memory/tasks/',
    },
    'a context that was never stored': {
      spec: { context: { s3: { ...context.s3, uri: 's3://memory/tasks/local/none/context.zip' } } },
      reason: 'ContextNotFound',
      message: 's3://memory/tasks/local/none/context.zip',
      builds: 0,
      starts: 0,
    },
    'a Dockerfile that takes too long': {
      faults: [{ kind: 'end', status: 'TIMED_OUT', phase: 'BUILD' }],
      reason: 'BuildTimeout',
      message: 'the build outlived its timeout',
    },
  };
  for (const [what, { reason, message, builds = 1, starts = 1, ...story }] of Object.entries(failures)) {
    it(`ends ${reason} by ${what}, after one try`, async () => {
      const found = await play(story);
      expect(found).to.deep.include({ status: 'False', reason, builds, starts, breaches: [] });
      expect(found.message).to.contain(message);
    });
  }
});

/** A TaskBuild whose build runs and runs; `faults` meet the calls that follow. */
const duringBuild = <T>(faults: Fault[], tell: (world: World) => Promise<T>): Promise<T> =>
  inWorld({ script: ENDLESS }, async (world) => {
    await until('it builds', () => saidOf(world)?.reason === 'Building');
    for (const fault of faults) world.codebuild.inject(fault);
    return tell(world);
  });

const isStopped = (world: World): boolean => world.codebuild.builds[0]?.buildStatus === 'STOPPED';

describe('the build of a TaskBuild', () => {
  it('is stopped when that is cancelled', () =>
    duringBuild([], async (world) => {
      world.changeTaskBuild(NAME, { cancelled: true });
      await until('it is cancelled', () => saidOf(world)?.reason === 'Cancelled');
      expect(isStopped(world)).to.equal(true);
      expect(callsOf(world, 'StopBuild')).to.have.length(1);
    }));

  it('is stopped all the same where StopBuild is throttled at first', () =>
    duringBuild([{ kind: 'throttle', operation: 'StopBuild', times: 3 }], async (world) => {
      world.changeTaskBuild(NAME, { cancelled: true });
      await until('it is cancelled', () => saidOf(world)?.reason === 'Cancelled');
      expect(isStopped(world)).to.equal(true);
      expect(callsOf(world, 'StopBuild')).to.have.length(4);
    }));

  it('runs on where it may not be stopped, and the message names the missing action', () =>
    duringBuild([{ kind: 'accessDenied', operation: 'StopBuild' }], async (world) => {
      world.changeTaskBuild(NAME, { cancelled: true });
      await until('it is cancelled', () => saidOf(world)?.reason === 'Cancelled');
      expect(saidOf(world)?.message).to.match(/it runs on: .*codebuild:StopBuild on arn:/);
      expect(isStopped(world)).to.equal(false);
    }));

  it('is stopped when that is deleted', () =>
    duringBuild([], async (world) => {
      world.removeTaskBuild(NAME);
      await until('it is stopped', () => isStopped(world));
      expect(callsOf(world, 'StopBuild')).to.have.length(1);
    }));
});
