import { expect } from 'chai';
import { classify, cleanLines } from './failure.ts';

/** Output of a step that failed, as buildctl prints it. */
const stepFailed = (step: string, error: string, output = ''): string =>
  [
    '#4 [1/2] FROM docker.io/library/debian:bookworm-slim',
    '#4 CACHED',
    '',
    `#5 ${step}`,
    `#5 0.056 ${output}`,
    `#5 ERROR: ${error}`,
    '------',
    ` > ${step}:`,
    `0.056 ${output}`,
    '------',
    `error: failed to solve: ${error}`,
  ].join('\n');

const exited = (command: string, code: number): string =>
  `process "/bin/sh -c ${command}" did not complete successfully: exit code: ${code}`;
const solve = (error: string): string =>
  `#1 [internal] load build definition from Dockerfile\nerror: failed to solve: ${error}`;

describe('failure of a build', () => {
  const unavailable = 'BuilderUnavailable';
  const cases: Record<string, [log: string, reason: string, message: string]> = {
    'a RUN that exits': [
      stepFailed('[2/2] RUN false', exited('false', 1)),
      'DockerfileFailed',
      '[2/2] RUN false: exit code: 1',
    ],
    'a RUN of a named stage': [
      stepFailed('[build 2/3] RUN make', exited('make', 2)),
      'DockerfileFailed',
      '[build 2/3] RUN make: exit code: 2',
    ],
    'a COPY of nothing': [
      stepFailed(
        '[2/2] COPY nothere /x',
        'failed to compute cache key: failed to calculate checksum of ref a::b: "/nothere": not found',
      ),
      'DockerfileFailed',
      '[2/2] COPY nothere /x: failed to compute cache key: failed to calculate checksum of ref a::b: "/nothere": not found',
    ],
    'an unknown instruction': [
      solve('dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)'),
      'DockerfileFailed',
      'dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)',
    ],
    'a missing Dockerfile': [
      solve('failed to read dockerfile: open Nope: no such file or directory'),
      'DockerfileFailed',
      'failed to read dockerfile: open Nope: no such file or directory',
    ],
    'a frontend that cannot be pulled': [
      [
        '#2 resolve image config for docker-image://docker.io/docker/dockerfile:1-labs',
        '#2 ERROR: docker.io/docker/dockerfile:1-labs: not found',
        '------',
        ' > resolve image config for docker-image://docker.io/docker/dockerfile:1-labs:',
        '------',
        'Dockerfile:1',
        '--------------------',
        '   1 | >>> # syntax=docker/dockerfile:1-labs',
        '   2 |     FROM debian:bookworm-slim',
        '--------------------',
        'error: failed to solve: docker/dockerfile:1-labs: failed to resolve source metadata for docker.io/docker/dockerfile:1-labs: not found',
      ].join('\n'),
      'FrontendNotFound',
      'the Dockerfile’s first line, # syntax=docker/dockerfile:1-labs, asks for a frontend that cannot be pulled; leave the line out unless the Dockerfile needs it: docker/dockerfile:1-labs: failed to resolve source metadata for docker.io/docker/dockerfile:1-labs: not found',
    ],
    'a missing stage': [
      solve('target stage "zz" could not be found'),
      'DockerfileFailed',
      'target stage "zz" could not be found',
    ],
    'a base image that does not exist': [
      solve(
        'no/such:1: failed to resolve source metadata for docker.io/no/such:1: docker.io/no/such:1: not found',
      ),
      'BaseImageNotFound',
      'no/such:1: failed to resolve source metadata for docker.io/no/such:1: docker.io/no/such:1: not found',
    ],
    'a base image of Docker Hub that is private or missing': [
      solve(
        'x/y: failed to resolve source metadata for docker.io/x/y:latest: pull access denied, repository does not exist or may require authorization',
      ),
      'BaseImageNotFound',
      'x/y: failed to resolve source metadata for docker.io/x/y:latest: pull access denied, repository does not exist or may require authorization',
    ],
    'Docker Hub’s limit of pulls': [
      solve(
        'python: failed to resolve source metadata for docker.io/library/python:latest: unexpected status from HEAD request: 429 Too Many Requests',
      ),
      'BaseImageRateLimited',
      'python: failed to resolve source metadata for docker.io/library/python:latest: unexpected status from HEAD request: 429 Too Many Requests',
    ],
    'a registry of base images that is down': [
      solve(
        'a/b: failed to resolve source metadata for h/a/b:1: failed to do request: Head "https://h/v2/": dial tcp: lookup h: no such host',
      ),
      unavailable,
      'a/b: failed to resolve source metadata for h/a/b:1: failed to do request: Head "https://h/v2/": dial tcp: lookup h: no such host',
    ],
    'a push that is not allowed': [
      solve(
        'failed to push h/a:1: push access denied, repository does not exist or may require authorization: server message: insufficient_scope',
      ),
      'PushDenied',
      'failed to push h/a:1: push access denied, repository does not exist or may require authorization: server message: insufficient_scope',
    ],
    'a push with 403': [
      solve(
        'failed to push h/a:1: unexpected status from POST request to https://h/v2/a/blobs/uploads/: 403 Forbidden',
      ),
      'PushDenied',
      'failed to push h/a:1: unexpected status from POST request to https://h/v2/a/blobs/uploads/: 403 Forbidden',
    ],
    'a push to a name that no registry takes': [
      solve('failed to push h/UPPER:1: invalid reference format: repository name (UPPER) must be lowercase'),
      'PushDenied',
      'failed to push h/UPPER:1: invalid reference format: repository name (UPPER) must be lowercase',
    ],
    'a push to a registry that is down': [
      solve(
        'failed to push h:5000/a:1: failed to do request: Head "https://h:5000/v2/": dial tcp 10.0.0.1:5000: connect: connection refused',
      ),
      unavailable,
      'failed to push h:5000/a:1: failed to do request: Head "https://h:5000/v2/": dial tcp 10.0.0.1:5000: connect: connection refused',
    ],
    'a buildkitd that is not there': [
      'error: listing workers for Build: failed to list workers: Unavailable: connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:9: connect: connection refused"',
      unavailable,
      'listing workers for Build: failed to list workers: Unavailable: connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:9: connect: connection refused"',
    ],
    'a buildkitd that went away': [
      '#5 [2/2] RUN sleep 9\nerror: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF',
      unavailable,
      'failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF',
    ],
    'a full disk of buildkitd': [
      solve('failed to copy files: write /x: no space left on device'),
      unavailable,
      'failed to copy files: write /x: no space left on device',
    ],
    'a log that breaks off': ['#5 [2/2] RUN sleep 9\n#5 0.1 working', unavailable, '#5 0.1 working'],
    'no log at all': ['', unavailable, 'the build ended without a word'],
  };
  for (const [name, [log, reason, message]] of Object.entries(cases)) {
    it(`of ${name} is ${reason}`, () => expect(classify(log)).to.include({ reason, message }));
  }

  it('is not decided by what a step prints or by the words of its command', () => {
    const command = 'echo failed to push: Unavailable: pull access denied; exit 1';
    const log = stepFailed(
      `[2/2] RUN ${command}`,
      exited(command, 1),
      'error: failed to push: connection refused',
    );
    expect(classify(log).reason).to.equal('DockerfileFailed');
  });

  it('names the instruction that failed, without its place', () => {
    const stepOf = (step: string): string | undefined =>
      classify(stepFailed(step, exited('x', 1))).failedStep;
    expect(stepOf('[2/2] RUN pip install x')).to.equal('RUN pip install x');
    expect(stepOf('[build 2/3] RUN echo [a] b')).to.equal('RUN echo [a] b');
    expect(classify(solve('target stage "zz" could not be found'))).to.not.have.property('failedStep');
  });

  it('keeps the last twenty lines without escape sequences, and bounds what it says', () => {
    const noise = Array.from({ length: 50 }, (_, i) => `#5 0.1 \u001b[31mline ${i}\u001b[0m\u0007`).join(
      '\r\n',
    );
    const { logTail, message } = classify(`${noise}\nerror: failed to solve: ${'x'.repeat(5_000)}`);
    expect(logTail).to.have.length(20);
    expect(logTail[0]).to.equal('#5 0.1 line 31');
    expect(logTail[19]).to.have.length(1024);
    expect(message).to.have.length.within(900, 1024);
  });

  it('shows a redrawn line as a terminal does', () => {
    expect(cleanLines('#5 10%\r#5 50%\r#5 100%\n\n#6 done  \n')).to.deep.equal(['#5 100%', '#6 done']);
  });
});
