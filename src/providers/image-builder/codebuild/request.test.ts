import { expect } from 'chai';
import type { ProviderError } from '../../errors.ts';
import type { Build } from '../port.ts';
import { startRequest } from './request.ts';

const build: Build = {
  token: 'hello-1',
  owner: { namespace: 'agents', name: 'hello', uid: 'uid-1' },
  attempt: 1,
  image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/abundant-sb-sandboxes:hello-0123456789ab',
  context: { kind: 's3', uri: 's3://artifacts/tasks/hello/context.zip', versionId: 'v7', sha256: 'ab' },
  dockerfile: 'Dockerfile',
  platform: 'linux/amd64',
  buildArgs: {},
  timeoutSeconds: 1800,
};
const settings = {
  region: 'us-east-1',
  platform: 'linux/amd64',
  project: 'abundant-sb-build',
  stack: 'abundant-sb',
  buildkitImage: 'moby/buildkit:v0.27.1',
  baseImageMirrors: {},
};
const requestOf = (change: Partial<Build> = {}) => startRequest({ ...build, ...change }, settings);
const variables = (change?: Partial<Build>) => requestOf(change).environmentVariablesOverride ?? [];
const variable = (name: string, change?: Partial<Build>) =>
  variables(change).find((candidate) => candidate.name === name)?.value;

function refusal(change: Partial<Build>): ProviderError {
  try {
    requestOf(change);
  } catch (error) {
    return error as ProviderError;
  }
  return expect.fail('it was not refused');
}

describe('request of a CodeBuild build', () => {
  it('pins the version of the context and leaves retries to the operator', () => {
    expect(requestOf()).to.include({
      projectName: 'abundant-sb-build',
      idempotencyToken: 'hello-1',
      sourceTypeOverride: 'S3',
      sourceLocationOverride: 'artifacts/tasks/hello/context.zip',
      sourceVersion: 'v7',
      privilegedModeOverride: true,
      autoRetryLimitOverride: 0,
    });
  });

  it('is the same whether the build may exist or not', () => {
    expect(requestOf({ mayExist: true })).to.deep.equal(requestOf());
  });

  it('keeps its limits within CodeBuild’s, with time to prepare', () => {
    const minutes = (timeoutSeconds: number, queueTimeoutSeconds: number) => {
      const request = requestOf({ timeoutSeconds, queueTimeoutSeconds });
      return [request.timeoutInMinutesOverride, request.queuedTimeoutInMinutesOverride];
    };
    expect(minutes(1, 1)).to.deep.equal([11, 5]);
    expect(minutes(1800, 1800)).to.deep.equal([40, 30]);
    expect(minutes(1_000_000, 1_000_000)).to.deep.equal([2160, 480]);
  });

  it('refers to a login and never holds it', () => {
    expect(variables({ secret: 'docker-hub' }).filter(({ type }) => type !== 'PLAINTEXT')).to.deep.equal([
      { name: 'SB_DOCKERHUB_USERNAME', value: 'abundant-sb/docker-hub:username', type: 'SECRETS_MANAGER' },
      { name: 'SB_DOCKERHUB_PASSWORD', value: 'abundant-sb/docker-hub:password', type: 'SECRETS_MANAGER' },
    ]);
    expect(variables().every(({ type }) => type === 'PLAINTEXT')).to.equal(true);
  });

  it('reads layers and leaves its own where it is told to', () => {
    const reference = 'registry/sandboxes-cache:shared.hello';
    expect(variable('SB_CACHE', { layers: { reference, keep: false } })).to.equal(reference);
    expect(variable('SB_KEEP_LAYERS', { layers: { reference, keep: false } })).to.equal('false');
    expect(variable('SB_KEEP_LAYERS', { layers: { reference, keep: true } })).to.equal('true');
    expect(variable('SB_CACHE')).to.equal(undefined);
  });

  it('has ARM images built on ARM, and asks for no other machine than the project’s for the project’s platform', () => {
    const machineOf = (platform: string, ofProject: string) => {
      const request = startRequest({ ...build, platform }, { ...settings, platform: ofProject });
      return [request.environmentTypeOverride, request.imageOverride];
    };
    expect(machineOf('linux/amd64', 'linux/amd64')).to.deep.equal([undefined, undefined]);
    expect(machineOf('linux/arm64', 'linux/arm64')).to.deep.equal([undefined, undefined]);
    expect(machineOf('linux/arm64', 'linux/amd64')).to.deep.equal([
      'ARM_CONTAINER',
      'aws/codebuild/amazonlinux-aarch64-standard:4.0',
    ]);
    expect(machineOf('linux/amd64', 'linux/arm64')[0]).to.equal('LINUX_CONTAINER');
    expect(machineOf('linux/riscv64', 'linux/amd64')).to.deep.equal([undefined, undefined]);
  });

  it('refuses what CodeBuild cannot build, in the words of the API', () => {
    const configMap = refusal({ context: { kind: 'configMap', name: 'x', sha256: 'ab'.repeat(32) } });
    expect(configMap).to.include({
      reason: 'Invalid',
      message: 'spec.context.configMap: CodeBuild builds contexts out of S3 only',
    });
    expect(refusal({ context: { kind: 's3', uri: 'https://x/y', sha256: 'ab'.repeat(32) } })).to.include({
      reason: 'Invalid',
    });
    const tar = { kind: 's3', uri: 's3://artifacts/tasks/context.tar.gz', sha256: 'ab' } as const;
    expect(refusal({ context: tar })).to.include({
      reason: 'Invalid',
      message: 'spec.context.s3.uri: s3://artifacts/tasks/context.tar.gz does not end in .zip',
    });
    expect(refusal({ image: 'x,push=false:1' })).to.include({ reason: 'Invalid' });
  });
});
