/** A whole build as CodeBuild runs it, with the real `aws` command, held to the builder's policies at every call. Only docker is a stand-in, which pushes what a build would. */
import { PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { zipSync, strToU8 } from 'fflate';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  BUCKET,
  CACHE_REPOSITORY,
  CREDENTIALS,
  ECR_HOST,
  needMoto,
  PROJECT,
  REGION,
  REPOSITORY,
  STACK,
  startFront,
} from '../../../test/support/aws/index.ts';
import { roleOf } from '../../../test/support/aws/iam/roles.ts';
import { openS3Door } from '../../../test/support/aws/s3-door.ts';
import { bashExecutor } from '../../../test/support/codebuild/bash/index.ts';
import { memoryLogs, startCodeBuild } from '../../../test/support/codebuild/index.ts';
import { findProgram, skipWithout, startProgram } from '../../../test/support/programs.ts';
import { startRegistry } from '../../../test/support/registry.ts';
import { VERSITYGW } from '../../../test/support/versitygw.ts';
import { s3ArtifactStore } from '../artifact-store/s3.ts';
import { codebuildImageBuilder } from '../image-builder/codebuild.ts';
import type { Build, BuildState, ImageBuilder } from '../image-builder/port.ts';

/** Pushes an image, and layers into the cache, with the login that the build specification has written. */
const DOCKER = `#!${process.execPath}
const { readFileSync, writeFileSync } = require('node:fs');
const { createHash } = require('node:crypto');
const [, , , verb, ...args] = process.argv;
if (verb !== 'build') process.exit(0);
const option = (name) => args[args.indexOf(name) + 1];
const { auths } = JSON.parse(readFileSync(process.env.HOME + '/.docker/config.json', 'utf8'));
console.log('logins: ' + Object.keys(auths).join(' '));
const headers = { authorization: 'Basic ' + auths[process.env.SB_REGISTRY].auth };
const ask = async (method, url, body, type) => {
  const sent = { method, headers: { ...headers, ...(type && { 'content-type': type }) } };
  const answer = await fetch(new URL(url, process.env.FRONT), body === undefined ? sent : { ...sent, body });
  if (answer.ok || answer.status === 404) return answer;
  console.log('ERROR: failed to push ' + url + ': unexpected status: ' + answer.status + ' Forbidden: ' + (await answer.text()));
  process.exit(1);
};
const put = async (repository, body) => {
  const digest = 'sha256:' + createHash('sha256').update(body).digest('hex');
  await ask('HEAD', '/v2/' + repository + '/blobs/' + digest);
  const begun = new URL((await ask('POST', '/v2/' + repository + '/blobs/uploads/', '')).headers.get('location'), process.env.FRONT);
  begun.searchParams.set('digest', digest);
  await ask('PUT', begun.pathname + begun.search, body);
  return { digest, size: body.length };
};
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const push = async (reference) => {
  const [repository, tag] = reference.split(process.env.SB_REGISTRY + '/')[1].split(':');
  await ask('GET', '/v2/' + repository + '/manifests/' + tag);
  const config = await put(repository, JSON.stringify({ os: 'linux', architecture: 'amd64', of: reference }));
  const manifest = { schemaVersion: 2, mediaType: MANIFEST, config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config }, layers: [] };
  const pushed = await ask('PUT', '/v2/' + repository + '/manifests/' + tag, JSON.stringify(manifest), MANIFEST);
  return pushed.headers.get('docker-content-digest');
};
(async () => {
  await push(process.env.SB_CACHE);
  const digest = await push(option('--tag'));
  writeFileSync(option('--metadata-file'), '{\\n  "containerimage.digest": "' + digest + '"\\n}');
})();
`;

const CONTEXT = zipSync({ Dockerfile: strToU8('FROM scratch\n') });
const KEY = 'tasks/local/hello/0123/context.zip';

describe('the policies of builds', function () {
  this.timeout(120_000);
  const ending = new AsyncDisposableStack();
  let builder: ImageBuilder;
  let versionId: string;

  before(async function () {
    const aws = findProgram('aws') ?? skipWithout('aws', this);
    const s3 = await kept(startVersioned(), (one) => one?.stop());
    if (!s3) skipWithout('versitygw', this);
    const layers = await kept(startRegistry(), (one) => one?.stop());
    if (!layers) skipWithout('registry', this);
    const moto = await kept(needMoto(this), (one) => one.close());
    const front = await kept(startFront({ moto: moto.url, registry: `http://${layers.address}` }), (one) =>
      one.close(),
    );
    const root = { region: REGION, endpoint: `http://${s3.address}`, credentials: CREDENTIALS };
    const store = s3ArtifactStore({ ...root, bucket: BUCKET });
    await store.put(KEY, CONTEXT);
    versionId = (await store.head(KEY))?.versionId ?? expect.fail('the bucket keeps no versions');
    const role = roleOf('builder');
    const door = await kept(openS3Door({ upstream: root.endpoint, role }), (one) => one.close());
    const services = await front.door(role);
    const home = mkdtempSync(join(tmpdir(), 'sb-policies-'));
    ending.defer(() => rmSync(home, { recursive: true }));
    mkdirSync(join(home, 'bin'));
    writeFileSync(join(home, 'bin/docker'), DOCKER);
    chmodSync(join(home, 'bin/docker'), 0o755);
    const codebuild = await kept(
      startCodeBuild({
        region: REGION,
        account: '123456789012',
        credentials: CREDENTIALS,
        projects: { [PROJECT]: {} },
        executor: bashExecutor({
          s3: { ...root, endpoint: door.url },
          path: [join(home, 'bin'), dirname(aws), '/usr/bin', '/bin'],
          env: {
            FRONT: services,
            AWS_ENDPOINT_URL_ECR: services,
            AWS_ENDPOINT_URL_ECR_PUBLIC: services,
            AWS_ENDPOINT_URL_S3: door.url,
            AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
            AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
            AWS_EC2_METADATA_DISABLED: 'true',
          },
        }),
        logs,
      }),
      (one) => one.close(),
    );
    builder = codebuildImageBuilder({
      ...root,
      endpoint: codebuild.url,
      platform: 'linux/amd64',
      project: PROJECT,
      stack: STACK,
      buildkitImage: 'buildkit',
      baseImageMirrors: {},
      readLog: async (group, stream) => logs.lines(group, stream).join('\n'),
    });
  });
  after(() => ending.disposeAsync());

  const logs = memoryLogs();
  const kept = async <T>(opening: Promise<T>, end: (value: T) => unknown): Promise<T> => {
    const value = await opening;
    ending.defer(async () => void (await end(value)));
    return value;
  };

  async function endOf(change: Partial<Build>): Promise<BuildState> {
    const token = `build-${Math.random().toString(36).slice(2)}`;
    const handle = await builder.start({
      token,
      owner: { namespace: 'agents', name: 'hello', uid: 'uid-1' },
      attempt: 1,
      image: `${ECR_HOST}/${REPOSITORY}:${token}`,
      layers: { reference: `${ECR_HOST}/${CACHE_REPOSITORY}:shared.hello`, keep: true },
      context: {
        kind: 's3',
        uri: `s3://${BUCKET}/${KEY}`,
        versionId,
        sha256: createHash('sha256').update(CONTEXT).digest('hex'),
      },
      dockerfile: 'Dockerfile',
      platform: 'linux/amd64',
      buildArgs: {},
      timeoutSeconds: 60,
      ...change,
    });
    for (;;) {
      const state = (await builder.states([handle])).get(handle.id)!;
      if (state.kind !== 'queued' && state.kind !== 'running') return state;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  it('suffice for logins, the version of the context that was seen, layers and push', async () => {
    const state = await endOf({});
    expect(state).to.have.property('kind', 'succeeded');
  });

  it('do not suffice for another repository', async () => {
    const state = await endOf({ image: `${ECR_HOST}/abundant-sb-operator:1` });
    expect(state).to.include({ kind: 'failed', reason: 'PushDenied' });
  });

  it('do not suffice for results, as a context or otherwise', async () => {
    const context = { kind: 's3', uri: `s3://${BUCKET}/trials/run/x.zip`, sha256: '0'.repeat(64) } as const;
    const state = await endOf({ context });
    expect(state).to.include({ kind: 'failed', reason: 'BuilderAccessDenied' });
  });
});

/** versitygw that keeps versions, with the bucket. */
async function startVersioned() {
  const server = await startProgram('versitygw', async (address, folder) => {
    for (const name of ['objects', 'versions', `objects/${BUCKET}`]) mkdirSync(join(folder, name));
    const folders = ['posix', '--versioning-dir', join(folder, 'versions'), join(folder, 'objects')];
    return {
      args: ['--quiet', '--port', address, ...folders],
      env: { ROOT_ACCESS_KEY: VERSITYGW.accessKeyId, ROOT_SECRET_KEY: VERSITYGW.secretAccessKey },
    };
  });
  if (!server) return undefined;
  const client = new S3Client({
    region: REGION,
    endpoint: `http://${server.address}`,
    credentials: CREDENTIALS,
    forcePathStyle: true,
  });
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await client.send(new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration }));
  client.destroy();
  return server;
}
