/** The adapters, as the roles that they run as: every call of theirs is allowed by the generated policies, and what is none of theirs is not. */
import { GetBucketLocationCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import {
  BUCKET,
  CACHE_REPOSITORY,
  CREDENTIALS,
  ECR_HOST,
  makeRepository,
  needMoto,
  PROJECT,
  REGION,
  REPOSITORY,
  STACK,
  startFront,
  type AwsFront,
  type Moto,
} from '../../../test/support/aws/index.ts';
import { decide } from '../../../test/support/aws/iam/evaluate.ts';
import { refusalOf, roleOf } from '../../../test/support/aws/iam/roles.ts';
import { openS3Door, type S3Door } from '../../../test/support/aws/s3-door.ts';
import { memoryLogs, scriptedExecutor, startCodeBuild } from '../../../test/support/codebuild/index.ts';
import { skipWithout, type Running } from '../../../test/support/programs.ts';
import { startRegistry } from '../../../test/support/registry.ts';
import { startVersitygw } from '../../../test/support/versitygw.ts';
import { folderOf } from '../../crds/namespace-rules.ts';
import {
  appliedKey,
  buildRecordKey,
  indexManifestKey,
  jobResultKey,
  storedTrialPrefix,
} from '../../results/keys.ts';
import { s3ArtifactStore } from '../artifact-store/s3.ts';
import type { ArtifactStore } from '../artifact-store/port.ts';
import type { ProviderError } from '../errors.ts';
import { codebuildImageBuilder } from '../image-builder/codebuild.ts';
import type { Build, ImageBuilder } from '../image-builder/port.ts';
import { ecrImageRegistry, ecrRepositoryUri } from '../image-registry/ecr.ts';
import type { AwsRole } from './permissions.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const TRIAL = storedTrialPrefix('run', 'hello__1');
const TASK = 'tasks/local/hello/0123/task.zip';
const AGENT = 'tasks/_agents/oracle/context.zip';

const said = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'allowed',
    (error: ProviderError) => (error.reason === 'AccessDenied' ? 'denied' : String(error)),
  );

describe('the generated policies', function () {
  let s3: Running;
  let layers: Running;
  let moto: Moto;
  let front: AwsFront;
  const doors: S3Door[] = [];

  before(async function () {
    s3 = (await startVersitygw(BUCKET)) ?? skipWithout('versitygw', this);
    layers = (await startRegistry()) ?? skipWithout('registry', this);
    moto = await needMoto(this);
    await makeRepository(moto.url, 'other');
    await makeRepository(moto.url, `${STACK}-tools/buildkit`);
    front = await startFront({ moto: moto.url, registry: `http://${layers.address}` });
  });
  after(async () => {
    await Promise.all(doors.map((door) => door.close()));
    await front?.close();
    await moto?.close();
    await layers?.stop();
    await s3?.stop();
  });

  const doorOf = async (role: AwsRole): Promise<string> => {
    const door = await openS3Door({ upstream: `http://${s3.address}`, role: roleOf(role) });
    doors.push(door);
    return door.url;
  };
  const storeAs = async (role: AwsRole): Promise<ArtifactStore> =>
    s3ArtifactStore({
      bucket: BUCKET,
      region: REGION,
      endpoint: await doorOf(role),
      credentials: CREDENTIALS,
    });
  const clientAs = async (role: AwsRole): Promise<S3Client> =>
    new S3Client({
      region: REGION,
      endpoint: await doorOf(role),
      credentials: CREDENTIALS,
      forcePathStyle: true,
      maxAttempts: 1,
    });
  /** By what was asked: `put trials/x`. */
  const answersTo = async (
    store: ArtifactStore,
    calls: readonly string[],
  ): Promise<Record<string, string>> => {
    const answers: Record<string, string> = {};
    for (const call of calls) {
      const [method = '', key = ''] = call.split(' ');
      const work: Record<string, () => Promise<unknown>> = {
        put: () => store.put(key, 'x'),
        get: () => store.get(key, 100),
        head: () => store.head(key),
        list: () => store.list(key)[Symbol.asyncIterator]().next(),
        delete: () => store.delete(key),
      };
      answers[call] = await said(work[method]!());
    }
    return answers;
  };
  const all = (calls: readonly string[], answer: string): Record<string, string> =>
    Object.fromEntries(calls.map((call) => [call, answer]));

  describe('of the operator', () => {
    const role = roleOf('operator');
    let store: ArtifactStore;
    before(async () => void (store = await storeAs('operator')));

    it('let it read tasks, and write what it alone writes', async () => {
      const own = [
        `${TRIAL}result.json`,
        buildRecordKey('0'.repeat(64)),
        jobResultKey('run'),
        indexManifestKey('run'),
        'indexes/tasks/hello/0123/1.json',
        appliedKey({ namespace: 'agents', name: 'hello', hash: '0' }),
        AGENT,
      ];
      const calls = [
        ...own.flatMap((key) => [`put ${key}`, `get ${key}`, `head ${key}`]),
        `get ${TASK}`,
        `head ${TASK}`,
        'list trials/',
      ];
      expect(await answersTo(store, calls)).to.deep.equal(all(calls, 'allowed'));
      const etag = (await store.head(jobResultKey('run')))!.etag;
      await store.put(jobResultKey('run'), 'y', { ifMatch: etag });
    });

    it('let it write no task, delete nothing, and write nowhere else', async () => {
      const calls = [
        `put ${TASK}`,
        'put tasks/local/x/context.zip',
        `delete ${TRIAL}result.json`,
        'put other/x',
      ];
      expect(await answersTo(store, calls)).to.deep.equal(all(calls, 'denied'));
    });

    it('hold for what couriers do with presigned URLs', async () => {
      const file = { size: 1, sha256: createHash('sha256').update('x').digest('hex') };
      const put = async (key: string): Promise<number> => {
        const { url, headers } = await store.presignPut(key, file, 60);
        return (await fetch(url, { method: 'PUT', headers, body: 'x' })).status;
      };
      expect([await put(`${TRIAL}agent/log.txt`), await put('tasks/local/x/task.zip')]).to.deep.equal([
        200, 403,
      ]);
    });

    it('let it look at its own repository, and at no other', async () => {
      const place = { region: REGION, endpoint: await front.door(role), credentials: CREDENTIALS };
      const repositoryUri = await ecrRepositoryUri({ ...place, repository: REPOSITORY });
      expect(await said(ecrRepositoryUri({ ...place, repository: 'other' }))).to.equal('denied');
      const registry = ecrImageRegistry({ ...place, repositoryUri, mirrors: { [ECR_HOST]: place.endpoint } });
      expect(await registry.resolve(`${repositoryUri}:none`)).to.equal(undefined);
      expect(await said(registry.resolve(`${ECR_HOST}/other:none`))).to.equal('denied');
      // The manifest of an image, which is not there.
      const digest = `sha256:${'0'.repeat(64)}`;
      const missing = registry.config({ reference: `${repositoryUri}@${digest}`, digest }, 'linux/amd64');
      expect(await missing.catch(({ reason }: ProviderError) => reason)).to.equal('NotFound');
    });

    it('let it use its own project in every way that it does, and no other', async () => {
      const codebuild = await startCodeBuild({
        region: REGION,
        account: '123456789012',
        credentials: CREDENTIALS,
        projects: { [PROJECT]: {}, other: {} },
        executor: scriptedExecutor(),
        logs: memoryLogs(),
      });
      try {
        await usesProject(await codebuild.door((one) => refusalOf(role, one)));
      } finally {
        await codebuild.close();
      }
    });

    async function usesProject(endpoint: string): Promise<void> {
      const builderOf = (project: string): ImageBuilder =>
        codebuildImageBuilder({
          region: REGION,
          platform: 'linux/amd64',
          project,
          stack: STACK,
          buildkitImage: 'buildkit',
          baseImageMirrors: {},
          endpoint,
          credentials: CREDENTIALS,
          readLog: async () => '',
        });
      const build: Build = {
        token: 'hello-1',
        owner: { namespace: 'agents', name: 'hello', uid: 'uid-1' },
        attempt: 1,
        image: `${ECR_HOST}/${REPOSITORY}:hello-0123456789ab`,
        context: { kind: 's3', uri: `s3://${BUCKET}/tasks/hello/context.zip`, sha256: '0'.repeat(64) },
        dockerfile: 'Dockerfile',
        platform: 'linux/amd64',
        buildArgs: {},
        timeoutSeconds: 600,
        mayExist: true,
      };
      const own = builderOf(PROJECT);
      const handle = await own.start(build);
      expect((await own.states([handle])).get(handle.id)).to.not.include({ kind: 'unknown' });
      await own.stop(handle);
      expect(await said(builderOf('other').start(build))).to.equal('denied');
      expect(await said(builderOf('other').start({ ...build, mayExist: false }))).to.equal('denied');
    }
  });

  describe('of builds', () => {
    const role = roleOf('builder');

    /** Every request that a push makes, and that a pull makes, by its status. */
    async function statuses(repository: string): Promise<number[]> {
      const url = await front.door(role);
      const headers = {
        'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken',
        authorization: `AWS4-HMAC-SHA256 Credential=${CREDENTIALS.accessKeyId}/x`,
      };
      const login = await fetch(url, { method: 'POST', headers, body: '{}' });
      const { authorizationData } = (await login.json()) as {
        authorizationData: { authorizationToken: string }[];
      };
      const authorization = `Basic ${authorizationData[0]!.authorizationToken}`;
      const digest = `sha256:${'0'.repeat(64)}`;
      const requests: [method: string, path: string][] = [
        ['HEAD', `blobs/${digest}`],
        ['POST', 'blobs/uploads/'],
        ['PATCH', 'blobs/uploads/none'],
        ['PUT', 'blobs/uploads/none'],
        ['PUT', 'manifests/tag'],
        ['GET', 'manifests/tag'],
        ['GET', `blobs/${digest}`],
      ];
      const answers: number[] = [];
      for (const [method, path] of requests) {
        const body = method === 'GET' || method === 'HEAD' ? {} : { body: '{}' };
        const sent = { method, headers: { authorization, 'content-type': MANIFEST }, ...body };
        answers.push((await fetch(`${url}/v2/${repository}/${path}`, sent)).status);
      }
      return answers;
    }

    it('let them push images and layers, pull tools, and touch no other repository', async () => {
      for (const repository of [REPOSITORY, CACHE_REPOSITORY])
        expect(await statuses(repository), repository).to.not.include(403);
      expect(new Set(await statuses('other'))).to.deep.equal(new Set([403]));
      expect(new Set((await statuses(`${STACK}-tools/buildkit`)).slice(0, 5))).to.deep.equal(new Set([403]));
      expect((await statuses(`${STACK}-tools/buildkit`)).slice(5)).to.not.include(403);
    });

    it('let them read contexts in the version that was seen, and neither results nor records', async () => {
      const root = s3ArtifactStore({
        bucket: BUCKET,
        region: REGION,
        endpoint: `http://${s3.address}`,
        credentials: CREDENTIALS,
      });
      for (const key of [TASK, `${TRIAL}result.json`, 'indexes/x']) await root.put(key, 'x');
      const client = await clientAs('builder');
      const statusOf = (work: Promise<unknown>): Promise<number | undefined> =>
        work.then(
          () => 200,
          ({ $metadata }: { $metadata?: { httpStatusCode?: number } }) => $metadata?.httpStatusCode,
        );
      const get = (Key: string) => statusOf(client.send(new GetObjectCommand({ Bucket: BUCKET, Key })));
      expect(await get(TASK)).to.equal(200);
      expect(await get(`${TRIAL}result.json`)).to.equal(403);
      expect(await get('indexes/x')).to.equal(403);
      // It may not list, so it is not told that there is nothing.
      expect(await get('tasks/none')).to.equal(403);
      const put = new PutObjectCommand({ Bucket: BUCKET, Key: TASK, Body: 'y' });
      expect(await statusOf(client.send(put))).to.equal(403);
      expect(await statusOf(client.send(new GetBucketLocationCommand({ Bucket: BUCKET })))).to.equal(200);
      client.destroy();
    });

    it('let them log in at ECR Public, and use the token for nothing else', () => {
      const asked = (service: string) =>
        decide(role.policies, {
          action: 'sts:GetServiceBearerToken',
          resource: '*',
          context: { 'sts:AWSServiceName': service },
        });
      expect(asked('ecr-public.amazonaws.com')).to.equal('allowed');
      expect(asked('codeartifact.amazonaws.com')).to.equal('implicitDeny');
    });
  });

  describe('of people', () => {
    it('let sb store tasks, read results, rewrite an index and probe, and nothing else', async () => {
      const store = await storeAs('client');
      const calls = [
        `put ${TASK}`,
        `get ${TASK}`,
        `get ${TRIAL}result.json`,
        `head ${TRIAL}result.json`,
        `put ${jobResultKey('run')}`,
        `put ${indexManifestKey('run')}`,
        'list trials/run/',
        'put tasks/.doctor/1',
        'delete tasks/.doctor/1',
      ];
      expect(await answersTo(store, calls)).to.deep.equal(all(calls, 'allowed'));
      const others = [
        `put ${TRIAL}result.json`,
        `put ${buildRecordKey('0'.repeat(64))}`,
        'put indexes/x',
        `delete ${TASK}`,
        `delete ${TRIAL}result.json`,
      ];
      expect(await answersTo(store, others)).to.deep.equal(all(others, 'denied'));
    });
  });

  describe('of a researcher', () => {
    const OWN = `tasks/${folderOf('ada')}/`;

    it('let sb store the tasks of their own, read what all may read, and probe', async () => {
      const store = await storeAs('researcher');
      const calls = [
        `put ${OWN}hello/0123/task.zip`,
        `get ${OWN}hello/0123/task.zip`,
        `get ${TASK}`,
        `get ${TRIAL}result.json`,
        `head ${jobResultKey('run')}`,
        'list trials/run/',
        `put ${OWN}.doctor/1`,
        `delete ${OWN}.doctor/1`,
      ];
      expect(await answersTo(store, calls)).to.deep.equal(all(calls, 'allowed'));
    });

    /** What each would bring an attacker. */
    const ATTACKS: Record<string, readonly string[]> = {
      'another image, other commands, and the keys of whoever runs the task next': [
        'put tasks/local/hello/0123/metadata.json',
        `put ${TASK}`,
        'put tasks/local/hello/0123/context.zip',
        `put tasks/${folderOf('bob')}/hello/0123/metadata.json`,
      ],
      'the first word about a task that others have yet to store': ['put tasks/local/new/0123/metadata.json'],
      'the folder of a researcher whose name begins alike': [
        `put tasks/${folderOf('ada-b')}/x`,
        `put tasks/${folderOf('adam')}/x`,
        `put tasks/${folderOf('ada')}`,
        `put tasks/${folderOf('')}x`,
      ],
      'programs of agents, which run beside everybody’s keys': [`put ${AGENT}`],
      'images that count as built, and what the installation is made of': [
        `put ${buildRecordKey('0'.repeat(64))}`,
        'put install/context.zip',
        `get ${buildRecordKey('0'.repeat(64))}`,
      ],
      'rewards, their own or those of others': [
        `put ${TRIAL}result.json`,
        `put ${TRIAL}outcome.json`,
        `put ${appliedKey({ namespace: 'bob', name: 'hello', hash: '0' })}`,
        `put ${appliedKey({ namespace: 'ada', name: 'hello', hash: '0' })}`,
      ],
      'what a run comes to': [
        `put ${jobResultKey('run')}`,
        `put ${jobResultKey('run@bob')}`,
        `put ${indexManifestKey('run')}`,
        'put indexes/tasks/hello/0123/1.json',
        'put indexes/tasks/hello/0123/runs.json',
      ],
      'that something is gone': [
        `delete ${TASK}`,
        `delete ${OWN}hello/0123/task.zip`,
        `delete tasks/${folderOf('bob')}/.doctor/1`,
        'delete tasks/.doctor/1',
        `delete ${TRIAL}result.json`,
        `delete ${jobResultKey('run')}`,
      ],
    };
    for (const [gain, calls] of Object.entries(ATTACKS))
      it(`do not give them ${gain}`, async () => {
        expect(await answersTo(await storeAs('researcher'), calls)).to.deep.equal(all(calls, 'denied'));
      });

    it('give nobody anything where the name was left out', () => {
      const { policies } = roleOf('researcher', [], { SB_RESEARCHER: '' });
      for (const key of [TASK, `${OWN}x`, 'tasks/researchers/x'])
        expect(
          decide(policies, { action: 's3:PutObject', resource: `arn:aws:s3:::${BUCKET}/${key}` }),
          key,
        ).to.equal('implicitDeny');
    });

    it('leave versions, rules of the bucket, builds, images and roles alone', () => {
      const { policies } = roleOf('researcher', ['kms']);
      const object = `arn:aws:s3:::${BUCKET}/${OWN}x`;
      const account = 'us-east-1:123456789012';
      const others: [action: string, resource: string][] = [
        ['s3:DeleteObjectVersion', object],
        ['s3:PutObjectAcl', object],
        ['s3:PutBucketPolicy', `arn:aws:s3:::${BUCKET}`],
        ['s3:PutLifecycleConfiguration', `arn:aws:s3:::${BUCKET}`],
        ['s3:PutBucketVersioning', `arn:aws:s3:::${BUCKET}`],
        ['codebuild:StartBuild', `arn:aws:codebuild:${account}:project/${PROJECT}`],
        ['ecr:PutImage', `arn:aws:ecr:${account}:repository/${REPOSITORY}`],
        ['iam:PutRolePolicy', 'arn:aws:iam::123456789012:role/ada'],
        ['sts:AssumeRole', `arn:aws:iam::123456789012:role/${STACK}-operator`],
      ];
      for (const [action, resource] of others)
        expect(decide(policies, { action, resource }), action).to.equal('implicitDeny');
    });
  });

  it('let a key be used through S3 alone', () => {
    const resource = 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    for (const role of ['operator', 'builder', 'client', 'researcher'] as const) {
      const { policies } = roleOf(role, ['kms']);
      const via = (service?: string) =>
        decide(policies, {
          action: 'kms:Decrypt',
          resource,
          ...(service !== undefined && { context: { 'kms:ViaService': service } }),
        });
      expect(
        [via('s3.us-east-1.amazonaws.com'), via('ebs.us-east-1.amazonaws.com'), via()],
        role,
      ).to.deep.equal(['allowed', 'implicitDeny', 'implicitDeny']);
    }
  });

  it('let operator and nodes pull through a cache where there is one', () => {
    const resource = 'arn:aws:ecr:us-east-1:123456789012:repository/docker-hub/library/python';
    for (const role of ['operator', 'node', 'builder'] as const) {
      const asked = { action: 'ecr:BatchGetImage', resource };
      expect(decide(roleOf(role).policies, asked), role).to.equal('implicitDeny');
      expect(decide(roleOf(role, ['pullThrough']).policies, asked), role).to.equal('allowed');
      const imported = { action: 'ecr:BatchImportUpstreamImage', resource };
      expect(decide(roleOf(role, ['pullThrough']).policies, imported), role).to.equal('allowed');
    }
  });
});
