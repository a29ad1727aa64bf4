import type { Build as BuildRecord, PhaseContext } from '@aws-sdk/client-codebuild';
import { expect } from 'chai';
import { judge } from './state.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const startTime = new Date('2026-01-01T00:00:00Z');
const later = new Date('2026-01-01T00:01:00Z');

type Phases = NonNullable<BuildRecord['phases']>;
const ended = (phaseType: Phases[number]['phaseType']): Phases[number] => ({
  phaseType,
  phaseStatus: 'SUCCEEDED',
  durationInSeconds: 3,
  startTime,
});

const record = (change: BuildRecord): BuildRecord => ({
  id: 'p:1',
  buildStatus: 'IN_PROGRESS',
  source: { type: 'S3', location: 'artifacts/tasks/hello/context.zip' },
  ...change,
});

/** A build that FAILED in `phaseType`. */
const failedIn = (phaseType: Phases[number]['phaseType'], context: PhaseContext = {}): BuildRecord =>
  record({
    buildStatus: 'FAILED',
    phases: [
      ended('SUBMITTED'),
      { phaseType, phaseStatus: 'FAILED', contexts: [context], durationInSeconds: 1 },
    ],
  });

const client = (message: string): PhaseContext => ({ statusCode: 'CLIENT_ERROR', message });

describe('record of a CodeBuild build', () => {
  it('is queued until it is provisioned', () => {
    expect(judge(record({ currentPhase: 'SUBMITTED' }))).to.deep.equal({ kind: 'queued' });
    expect(judge(record({ currentPhase: 'QUEUED' }))).to.deep.equal({ kind: 'queued' });
    expect(judge(record({}))).to.deep.equal({ kind: 'queued' });
  });

  it('runs since it left the queue, and once it builds since then; its preparation is no build time', () => {
    const phases = [ended('QUEUED'), { phaseType: 'PROVISIONING', startTime } as const];
    expect(judge(record({ currentPhase: 'PROVISIONING', phases }))).to.deep.equal({
      kind: 'running',
      since: '2026-01-01T00:00:00.000Z',
      timeoutFrom: '2026-01-01T00:10:00.000Z',
      phases: [{ name: 'QUEUED', seconds: 3 }],
    });
    const building = [...phases, { phaseType: 'BUILD', startTime: later } as const];
    expect(judge(record({ currentPhase: 'BUILD', phases: building }))).to.include({
      since: '2026-01-01T00:01:00.000Z',
    });
  });

  it('names a context that may not be read in the ARN of its own partition', () => {
    const refused = {
      ...failedIn('DOWNLOAD_SOURCE', client('AccessDenied: Access Denied')),
      arn: 'arn:aws-us-gov:codebuild:us-gov-west-1:123456789012:build/b:1',
    };
    expect(judge(refused)).to.have.property('message').that.contains('arn:aws-us-gov:s3:::artifacts/tasks/');
  });

  it('has AWS’s own address of the log, once there is a stream', () => {
    const deepLink = 'https://console.aws.amazon.com/cloudwatch';
    const running = { currentPhase: 'BUILD' } as const;
    expect(judge(record({ ...running, logs: { deepLink } }))).to.not.have.property('logUrl');
    expect(judge(record({ ...running, logs: { deepLink, streamName: '1' } }))).to.include({
      logUrl: deepLink,
    });
  });

  it('succeeded with the digest that it exports', () => {
    const exportedEnvironmentVariables = [{ name: 'SB_IMAGE_DIGEST', value: digest }];
    expect(judge(record({ buildStatus: 'SUCCEEDED', exportedEnvironmentVariables }))).to.deep.equal({
      kind: 'succeeded',
      digest,
    });
    expect(judge(record({ buildStatus: 'SUCCEEDED' }))).to.include({ reason: 'BuilderUnavailable' });
  });

  it('leaves to the log why a command of ours failed', () => {
    const said = 'BUILD: COMMAND_EXECUTION_ERROR: exit status 1';
    const context = { statusCode: 'COMMAND_EXECUTION_ERROR', message: 'exit status 1' };
    expect(judge(failedIn('BUILD', context))).to.deep.include({ kind: 'broken', phase: 'BUILD', said });
    expect(judge(failedIn('PRE_BUILD'))).to.include({ kind: 'broken', phase: 'PRE_BUILD' });
  });

  const source = 'for primary source and source version v7';
  const failures: [string, BuildRecord, reason: string, message: RegExp][] = [
    [
      'a context that may not be read',
      failedIn('DOWNLOAD_SOURCE', client(`AccessDenied: Access Denied\n\tstatus code: 403, ${source}`)),
      'BuilderAccessDenied',
      /s3:GetObjectVersion on arn:aws:s3:::artifacts\/tasks\/hello\/context\.zip; DOWNLOAD_SOURCE: CLIENT_ERROR: AccessDenied: Access Denied status/,
    ],
    [
      'a context that is gone',
      failedIn('DOWNLOAD_SOURCE', client(`NoSuchKey: The specified key does not exist. ${source}`)),
      'ContextNotFound',
      /NoSuchKey/,
    ],
    [
      'a version of the context that is gone',
      failedIn('DOWNLOAD_SOURCE', client(`NoSuchVersion: The specified version does not exist. ${source}`)),
      'ContextNotFound',
      /NoSuchVersion/,
    ],
    [
      'a bucket that is gone',
      failedIn('DOWNLOAD_SOURCE', client(`NoSuchBucket: The specified bucket does not exist ${source}`)),
      'BuilderNotFound',
      /NoSuchBucket/,
    ],
    [
      'a login that does not exist',
      failedIn('DOWNLOAD_SOURCE', {
        statusCode: 'Secrets Manager Error',
        message: 'ResourceNotFoundException: Secrets Manager can’t find the specified secret.',
      }),
      'BuilderNotFound',
      /Secrets Manager Error/,
    ],
    [
      'a login that may not be read',
      failedIn('DOWNLOAD_SOURCE', {
        statusCode: 'Secrets Manager Error',
        message:
          'AccessDeniedException: User: arn:aws:sts::1:assumed-role/r/AWSCodeBuild is not authorized to perform: secretsmanager:GetSecretValue on resource: abundant-sb/hub',
      }),
      'BuilderAccessDenied',
      /^DOWNLOAD_SOURCE: Secrets Manager Error: .*secretsmanager:GetSecretValue/,
    ],
    [
      'a role that may not write logs',
      failedIn('PROVISIONING', {
        statusCode: 'ACCESS_DENIED',
        message:
          'Service role arn:aws:iam::1:role/r does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams',
      }),
      'BuilderAccessDenied',
      /^PROVISIONING: ACCESS_DENIED: Service role/,
    ],
    [
      'an image of the build environment that cannot be pulled',
      failedIn('PROVISIONING', {
        statusCode: 'BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE',
        message: 'Unable to pull customer’s container image.',
      }),
      'BuilderFault',
      /BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE/,
    ],
    [
      'a fault of CodeBuild',
      record({ buildStatus: 'FAULT', currentPhase: 'COMPLETED' }),
      'BuilderFault',
      /FAULT/,
    ],
    ['somebody who stopped it', record({ buildStatus: 'STOPPED' }), 'BuildStopped', /someone/],
  ];
  for (const [name, built, reason, message] of failures) {
    it(`names ${reason} for ${name}`, () => {
      const state = judge(built);
      expect(state).to.include({ kind: 'failed', reason });
      expect(state).to.have.property('message').that.matches(message);
    });
  }

  const timeouts = [
    ['QUEUED', 'QueueTimeout'],
    ['PROVISIONING', 'BuilderFault'],
    ['DOWNLOAD_SOURCE', 'BuilderFault'],
    ['PRE_BUILD', 'BuilderFault'],
    ['BUILD', 'BuildTimeout'],
  ] as const;
  for (const [phaseType, reason] of timeouts) {
    it(`names ${reason} for a timeout in ${phaseType}`, () => {
      const phases = [{ phaseType, phaseStatus: 'TIMED_OUT' } as const];
      expect(judge(record({ buildStatus: 'TIMED_OUT', phases }))).to.include({ reason });
    });
  }
});
