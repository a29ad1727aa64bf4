import { expect } from 'chai';
import { explain, unexplained } from './failure.ts';

const remark = (text: string): string => `[Container] 2026/11/21 12:00:00.000000 ${text}`;

/** The end of a log as CodeBuild writes it round a command’s own lines. */
const logOf = (...lines: string[]): string =>
  [
    remark('Running command . "$SB_WORK/steps.sh" && build'),
    ...lines,
    '',
    remark('Command did not exit successfully . "$SB_WORK/steps.sh" && build exit status 1'),
    remark('Phase complete: BUILD State: FAILED'),
    remark('Phase context status code: COMMAND_EXECUTION_ERROR Message: Error while executing command'),
    remark('Entering phase POST_BUILD'),
  ].join('\n');

const solve = (error: string): string => `ERROR: failed to build: failed to solve: ${error}`;

describe('failure in a CodeBuild log', () => {
  const cases: Record<string, [lines: string[], reason: string, message: string | RegExp]> = {
    'a step of the Dockerfile': [
      [
        '#5 [2/3] RUN pip install x',
        '#5 0.9 no such package',
        '------',
        ' > [2/3] RUN pip install x:',
        '0.9 no such package',
        '------',
        'Dockerfile:2',
        '--------------------',
        '   2 | >>> RUN pip install x',
        '--------------------',
        solve('process "/bin/sh -c pip install x" did not complete successfully: exit code: 1'),
      ],
      'DockerfileFailed',
      '[2/3] RUN pip install x: exit code: 1',
    ],
    'a limit of pulls': [
      [
        solve(
          'failed to resolve source metadata for docker.io/library/x:1: unexpected status from HEAD request to https://registry-1.docker.io/v2/library/x/manifests/1: 429 Too Many Requests',
        ),
        'toomanyrequests: You have reached your unauthenticated pull rate limit.',
      ],
      'BaseImageRateLimited',
      /toomanyrequests: You have reached/,
    ],
    'a limit of pulls of layers': [
      [solve('failed to copy: httpReadSeeker: failed open: unexpected status: 429 Too Many Requests')],
      'BaseImageRateLimited',
      /429/,
    ],
    'a tag that ECR keeps': [
      [
        solve(
          'failed to push x:1: unexpected status from PUT request to https://x/v2/x/manifests/1: 400 Bad Request',
        ),
        "tag invalid: The image tag '1' already exists in the 'x' repository and cannot be overwritten because the tag is immutable.",
      ],
      'TagImmutable',
      /cannot be overwritten/,
    ],
    'a push that ECR refuses': [
      [
        solve(
          'failed to push x:1: unexpected status from POST request to https://x/v2/x/blobs/uploads/: 403 Forbidden',
        ),
        'denied: User: arn:aws:sts::1:assumed-role/r is not authorized to perform: ecr:InitiateLayerUpload on resource: x',
      ],
      'PushDenied',
      /ecr:InitiateLayerUpload/,
    ],
    'a login that ran out before the push': [
      [
        solve('failed to push x:1: unexpected status from PUT request to https://x/v2/x: 403 Forbidden'),
        'denied: Your authorization token has expired. Reauthenticate and try again.',
      ],
      'BuilderFault',
      /has expired/,
    ],
    'a context that changed': [
      ['sb-build: ContextMismatch: s3://b/k does not have the SHA-256 0'],
      'ContextMismatch',
      's3://b/k does not have the SHA-256 0',
    ],
    'a build that was ended': [
      [solve('Canceled: context canceled'), 'sb-build: BuildTimeout: the build outlived its 5 seconds'],
      'BuildTimeout',
      'the build outlived its 5 seconds',
    ],
    'a role that may not log in': [
      [
        'aws: [ERROR]: An error occurred (AccessDeniedException) when calling the GetAuthorizationToken operation: User: r is not authorized to perform: ecr:GetAuthorizationToken',
      ],
      'BuilderAccessDenied',
      /^the project’s role lacks ecr:GetAuthorizationToken: AccessDeniedException: User: r/,
    ],
    'a context that is gone': [
      [
        'An error occurred (NoSuchKey) when calling the GetObject operation: The specified key does not exist.',
      ],
      'ContextNotFound',
      'NoSuchKey: The specified key does not exist.',
    ],
    'a bucket that is gone': [
      [
        'An error occurred (NoSuchBucket) when calling the GetObject operation: The specified bucket does not exist',
      ],
      'BuilderNotFound',
      /NoSuchBucket/,
    ],
    'an AWS that has no time': [
      [
        'An error occurred (ThrottlingException) when calling the GetAuthorizationToken operation (reached max retries: 4): Rate exceeded',
      ],
      'BuilderFault',
      'ThrottlingException: Rate exceeded',
    ],
  };
  for (const [name, [lines, reason, message]] of Object.entries(cases)) {
    it(`of ${name} is ${reason}`, () => {
      const failure = explain(logOf(...lines));
      expect(failure).to.include({ reason });
      if (message instanceof RegExp) expect(failure!.message).to.match(message);
      else expect(failure!.message).to.equal(message);
    });
  }

  it('names the instruction, and leaves CodeBuild’s remarks out of the log’s end', () => {
    const failure = explain(logOf(...cases['a step of the Dockerfile']![0]));
    expect(failure).to.include({ failedStep: 'RUN pip install x' });
    expect(failure!.logTail.join('\n')).to.contain('no such package').and.not.contain('[Container]');
  });

  it('is undefined where the log breaks off', () => {
    expect(explain(logOf('#5 [2/3] RUN make'))).to.equal(undefined);
    expect(explain('')).to.equal(undefined);
  });

  it('without a log is the Dockerfile’s while building, and else the builder’s', () => {
    const reasonOf = (phase: string, log: string) => unexplained({ phase, said: 'said' }, log, 'why').reason;
    expect([reasonOf('BUILD', ''), reasonOf('PRE_BUILD', ''), reasonOf('BUILD', '#5 x')]).to.deep.equal([
      'DockerfileFailed',
      'BuilderFault',
      'BuilderFault',
    ]);
  });
});
