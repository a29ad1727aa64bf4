import { PutBucketVersioningCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Build, EnvironmentVariable, StartBuildCommandInput } from '@aws-sdk/client-codebuild';
import { expect } from 'chai';
import { strToU8, zipSync } from 'fflate';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { useScriptedServer } from '../../http.ts';
import { skipWithout, startProgram, type Running } from '../../programs.ts';
import { VERSITYGW } from '../../versitygw.ts';
import { phasesOf, useCodeBuild } from '../testing.ts';
import { bashExecutor } from './index.ts';

const BUCKET = 'artifacts';
const KEY = 'tasks/a/context.zip';

type Phases = Partial<Record<'install' | 'pre_build' | 'build' | 'post_build', string[]>>;

/** A specification in JSON, which is YAML. */
const spec = (
  phases: Phases,
  more: { exported?: string[]; variables?: Record<string, string> } = {},
): string =>
  JSON.stringify({
    version: 0.2,
    env: { shell: 'bash', 'exported-variables': more.exported ?? [], variables: more.variables ?? {} },
    phases: Object.fromEntries(Object.entries(phases).map(([name, commands]) => [name, { commands }])),
  });

const zip = (files: Record<string, string>): Uint8Array =>
  zipSync(
    Object.fromEntries(
      Object.entries(files).map(([path, contents]) => [
        path,
        [strToU8(contents), { os: 3, attrs: (path.endsWith('.sh') ? 0o755 : 0o644) << 16 }],
      ]),
    ),
  );

describe('codebuild service: builds in bash', () => {
  const secrets = useScriptedServer();
  let home = '';
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'sb-home-'));
    await mkdir(join(home, '.docker'));
    await writeFile(join(home, '.docker', 'config.json'), '{}');
  });
  after(() => rm(home, { recursive: true }));

  let s3 = { region: VERSITYGW.region, endpoint: 'http://127.0.0.1:9', credentials: credentialsOf() };
  const tested = useCodeBuild(() => ({
    executor: bashExecutor({
      s3,
      secretsManager: { ...s3, endpoint: secrets.base },
      home,
      env: { OF_IMAGE: 'image', TAKEN: 'image' },
    }),
  }));

  const logOf = ({ logs }: Build): string[] => tested.logs.lines(logs!.groupName!, logs!.streamName!);
  /** What the commands said. */
  const said = (build: Build): string[] => logOf(build).filter((line) => !line.startsWith('[Container]'));
  const run = (phases: Phases, more: Partial<StartBuildCommandInput> = {}): Promise<Build> =>
    tested.build({ buildspecOverride: spec(phases), ...more });
  const contextOf = (build: Build, phase: string) =>
    build.phases!.find(({ phaseType }) => phaseType === phase)!.contexts![0];

  it('runs every line of every phase, in order, in one folder and one shell', async () => {
    const build = await run({
      install: ['A=one', 'export B=two', 'f() { echo "f of $1"; }', 'mkdir d && cd d'],
      pre_build: ['echo "$A $B"', 'f here', 'basename "$PWD"', 'set -o pipefail'],
      build: ['env | grep -c ^A= || echo "A is not exported"', 'list=(x "y z")', 'echo out; echo err >&2'],
      post_build: ['printf "%s|" "${list[@]}"; echo', 'set +o | grep pipefail', 'printf unfinished'],
    });
    expect(build.buildStatus).to.equal('SUCCEEDED');
    expect(said(build)).to.deep.equal([
      'one two',
      'f of here',
      'd',
      '0',
      'A is not exported',
      'out',
      'err',
      'x|y z|',
      'set -o pipefail',
      'unfinished',
    ]);
    expect(logOf(build).map((line) => line.split(' ').slice(3).join(' '))).to.include(
      'Running command f here',
    );
  });

  it('stops a phase at its first failing command, names it, and still runs POST_BUILD after BUILD', async () => {
    const build = await run({
      build: ['X=kept', 'echo before; exit 7', 'echo never'],
      post_build: ['echo "succeeding=$CODEBUILD_BUILD_SUCCEEDING $X"'],
    });
    expect(build.buildStatus).to.equal('FAILED');
    expect(contextOf(build, 'BUILD')).to.deep.equal({
      statusCode: 'COMMAND_EXECUTION_ERROR',
      message: 'Error while executing command: echo before; exit 7. Reason: exit status 7',
    });
    expect(said(build)).to.deep.equal(['before', 'succeeding=0 kept']);
  });

  it('runs none of the later phases after INSTALL or PRE_BUILD failed', async () => {
    const build = await run({ pre_build: ['false'], build: ['echo never'], post_build: ['echo never'] });
    expect(phasesOf(build).slice(-3)).to.deep.equal([
      'PRE_BUILD FAILED',
      'FINALIZING SUCCEEDED',
      'COMPLETED',
    ]);
    expect(said(build)).to.deep.equal([]);
  });

  it('obeys on-failure and finally', async () => {
    const phases = {
      install: { commands: ['false', 'echo never'], finally: ['echo finally'], 'on-failure': 'CONTINUE' },
      build: { commands: ['false'], 'on-failure': 'ABORT' },
      post_build: { commands: ['echo never'] },
    };
    const buildspecOverride = JSON.stringify({ version: '0.2', env: { shell: 'bash' }, phases });
    const build = await tested.build({ buildspecOverride });
    expect(phasesOf(build).slice(4)).to.deep.equal([
      'INSTALL FAILED',
      'PRE_BUILD SUCCEEDED',
      'BUILD FAILED',
      'FINALIZING SUCCEEDED',
      'COMPLETED',
    ]);
    expect(said(build)).to.deep.equal(['finally']);
    expect(build.buildStatus).to.equal('FAILED');
  });

  it('gives variables by AWS’s precedence: call, then specification, then image; and CodeBuild’s own', async () => {
    const buildspecOverride = spec(
      {
        build: [
          'echo "$OF_IMAGE $TAKEN $OF_SPEC $OF_CALL $LITERAL"',
          'env | grep -E "^(CODEBUILD|AWS)_" | sort',
        ],
      },
      { variables: { TAKEN: 'spec', OF_SPEC: 'spec', OF_CALL: 'spec', LITERAL: '$HOME' } },
    );
    const environmentVariablesOverride = [{ name: 'OF_CALL', value: 'call "quoted" $x' }];
    const build = await tested.build({ buildspecOverride, environmentVariablesOverride });
    const [first, ...own] = said(build);
    expect(first).to.equal('image spec spec call "quoted" $x $HOME');
    const names = own.map((line) => line.split('=')[0]);
    expect(names).to.deep.equal([
      'AWS_DEFAULT_REGION',
      'AWS_REGION',
      'CODEBUILD_BUILD_ARN',
      'CODEBUILD_BUILD_ID',
      'CODEBUILD_BUILD_IMAGE',
      'CODEBUILD_BUILD_NUMBER',
      'CODEBUILD_BUILD_SUCCEEDING',
      'CODEBUILD_CI',
      'CODEBUILD_INITIATOR',
      'CODEBUILD_LOG_PATH',
      'CODEBUILD_SRC_DIR',
      'CODEBUILD_START_TIME',
    ]);
    expect(own).to.include.members([`CODEBUILD_BUILD_ID=${build.id}`, 'CODEBUILD_BUILD_SUCCEEDING=1']);
  });

  it('exports the variables that the specification lists, as they stand, and none of AWS_', async () => {
    const phases = {
      pre_build: ['DIGEST=early', 'export AWS_SECRET=x'],
      build: ['DIGEST="sha256:1=2"', "export TWO=$'a\\nb'", 'false'],
      post_build: ['LATE=yes'],
    };
    const exported = ['DIGEST', 'TWO', 'LATE', 'UNSET', 'AWS_SECRET'];
    const build = await tested.build({ buildspecOverride: spec(phases, { exported }) });
    expect(build.exportedEnvironmentVariables).to.deep.equal([
      { name: 'DIGEST', value: 'sha256:1=2' },
      { name: 'TWO', value: 'a\nb' },
      { name: 'LATE', value: 'yes' },
    ]);
  });

  it('gives each build a HOME and folders of its own, and leaves nothing behind', async () => {
    const build = await run({
      build: ['cat ~/.docker/config.json', 'echo more >> ~/.docker/config.json', 'echo ~'],
    });
    expect(said(build)[0]).to.equal('{}');
    expect(await readFile(join(home, '.docker', 'config.json'), 'utf8')).to.equal('{}');
    const gone = await access(said(build).at(-1)!).catch(({ code }: NodeJS.ErrnoException) => code);
    expect(gone).to.equal('ENOENT');
  });

  it('has no docker daemon where the build is not privileged', async () => {
    const build = await run({ build: ['docker version'] });
    expect(said(build)[0]).to.contain('Cannot connect to the Docker daemon');
    expect(build.buildStatus).to.equal('FAILED');
  });

  it('fails in DOWNLOAD_SOURCE for a specification that it does not take', async () => {
    const build = await tested.build({
      buildspecOverride: 'version: 0.2\nenv: {shell: bash}\nartifacts: {}\n',
    });
    expect(contextOf(build, 'DOWNLOAD_SOURCE')!.statusCode).to.equal('YAML_FILE_ERROR');
    expect(contextOf(build, 'DOWNLOAD_SOURCE')!.message).to.contain('artifacts');
    expect(phasesOf(build).at(-3)).to.equal('DOWNLOAD_SOURCE FAILED');
  });

  it('kills everything that it started when it is stopped', async () => {
    const left = join(home, 'left');
    const { id } = await tested.startBuild({
      buildspecOverride: spec({
        build: [`(sleep 1; touch ${left}) & echo begun; sleep 60`],
        post_build: ['echo never'],
      }),
    });
    const running = await tested.until(id!, ({ currentPhase }) => currentPhase === 'BUILD');
    while (!said(running).includes('begun')) await sleep(5);
    tested.service.stop(id!);
    const build = await tested.until(id!, ({ buildComplete }) => buildComplete === true);
    expect(phasesOf(build).slice(-2)).to.deep.equal(['BUILD STOPPED', 'COMPLETED']);
    expect(said(build)).to.deep.equal(['begun']);
    await sleep(1_200);
    expect(await access(left).catch(({ code }: NodeJS.ErrnoException) => code)).to.equal('ENOENT');
  });

  it('times out', async () => {
    await tested.service.close();
    await tested.start({ minuteMs: 400, executor: bashExecutor({ s3 }) });
    const build = await run({ build: ['sleep 60'] }, { timeoutInMinutesOverride: 5 });
    expect([build.buildStatus, phasesOf(build).at(-2)]).to.deep.equal(['TIMED_OUT', 'BUILD TIMED_OUT']);
  });

  it('is not kept waiting by a process that stays in the background', async () => {
    const build = await run({ build: ['sleep 60 & echo begun'] });
    expect([build.buildStatus, said(build)]).to.deep.equal(['SUCCEEDED', ['begun']]);
  });

  describe('with secrets', () => {
    const variable = (value: string): EnvironmentVariable => ({
      name: 'PASSWORD',
      value,
      type: 'SECRETS_MANAGER',
    });
    const answers = (status: number, body: object): void => {
      secrets.handle = (_, response) => {
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
        response.end(JSON.stringify(body));
      };
    };
    const withSecret = (value: string): Promise<Build> =>
      tested.build({
        buildspecOverride: spec(
          { build: ['echo "it is $PASSWORD."', 'false "$PASSWORD"'] },
          { exported: ['PASSWORD'] },
        ),
        environmentVariablesOverride: [variable(value)],
      });

    it('asks Secrets Manager for them, hides them in the log and never exports them', async () => {
      let asked = '';
      secrets.handle = (request, response) => {
        void text(request).then((body) => {
          asked = body;
          const SecretString = JSON.stringify({ username: 'u', password: 'hunter2' });
          response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
          response.end(JSON.stringify({ SecretString }));
        });
      };
      const build = await withSecret('abundant-sb/hub:password');
      expect(JSON.parse(asked)).to.deep.equal({ SecretId: 'abundant-sb/hub' });
      expect(said(build)).to.deep.equal(['it is ***.']);
      expect(logOf(build).join('\n')).to.not.contain('hunter2');
      expect(JSON.stringify(build)).to.not.contain('hunter2');
      expect(build.exportedEnvironmentVariables).to.deep.equal([]);
    });

    it('fails in DOWNLOAD_SOURCE where a secret, or its key, is not there', async () => {
      answers(400, { __type: 'ResourceNotFoundException', Message: 'no such secret' });
      const missing = await withSecret('other');
      expect(contextOf(missing, 'DOWNLOAD_SOURCE')).to.deep.equal({
        statusCode: 'Secrets Manager Error Message',
        message: 'ResourceNotFoundException: no such secret',
      });
      answers(200, { SecretString: '{"username":"u"}' });
      const keyless = await withSecret('abundant-sb/hub:password');
      expect(contextOf(keyless, 'DOWNLOAD_SOURCE')!.message).to.contain('no key password');
    });
  });

  describe('out of S3', () => {
    let server: Running | undefined;
    let client: S3Client;
    before(async function () {
      server = await startVersioned();
      if (!server) skipWithout('versitygw', this);
      s3 = { ...s3, endpoint: `http://${server.address}` };
      client = new S3Client({ ...s3, forcePathStyle: true });
      const VersioningConfiguration = { Status: 'Enabled' as const };
      await client.send(new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration }));
    });
    after(async () => {
      client?.destroy();
      await server?.stop();
    });

    const put = async (body: Uint8Array): Promise<string> =>
      (await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: KEY, Body: body }))).VersionId!;
    const ofS3 = (phases: Phases, more: Partial<StartBuildCommandInput> = {}): Promise<Build> =>
      run(phases, { sourceTypeOverride: 'S3', sourceLocationOverride: `${BUCKET}/${KEY}`, ...more });

    it('builds the pinned version of the archive, whatever was put there since', async () => {
      const first = await put(zip({ Dockerfile: 'FROM a', 'bin/run.sh': '#!/bin/sh\necho ran' }));
      await put(zip({ Dockerfile: 'FROM b' }));
      const commands = [
        'cat Dockerfile; echo',
        './bin/run.sh',
        'echo "$CODEBUILD_SOURCE_VERSION"',
        'echo "$CODEBUILD_SOURCE_REPO_URL"',
      ];
      const build = await ofS3({ build: commands }, { sourceVersion: first });
      expect(said(build)).to.deep.equal(['FROM a', 'ran', first, `s3://${BUCKET}/${KEY}`]);
      expect(said(await ofS3({ build: ['cat Dockerfile; echo'] }))).to.deep.equal(['FROM b']);
    });

    it('reads the specification of the source where the call has none', async () => {
      await put(
        zip({
          'buildspec.yml': spec({ build: ['echo mine'] }),
          'ci/other.yml': spec({ build: ['echo other'] }),
        }),
      );
      expect(said(await ofS3({}, { buildspecOverride: '' }))).to.deep.equal(['mine']);
      expect(said(await ofS3({}, { buildspecOverride: 'ci/other.yml' }))).to.deep.equal(['other']);
      const none = await ofS3({}, { buildspecOverride: 'none.yml' });
      expect(contextOf(none, 'DOWNLOAD_SOURCE')).to.deep.equal({
        statusCode: 'YAML_FILE_ERROR',
        message: 'YAML file does not exist',
      });
    });

    it('fails in DOWNLOAD_SOURCE where the archive, or the bucket, is not there or is none', async () => {
      const failing = async (sourceLocationOverride: string): Promise<string> => {
        const build = await ofS3({}, { sourceLocationOverride });
        expect(phasesOf(build).at(-3)).to.equal('DOWNLOAD_SOURCE FAILED');
        return contextOf(build, 'DOWNLOAD_SOURCE')!.message!;
      };
      expect(await failing(`${BUCKET}/none.zip`)).to.match(/^NoSuchKey: /);
      expect(await failing('no-such-bucket/none.zip')).to.match(/^NoSuchBucket: /);
      await put(strToU8('no zip'));
      expect(await failing(`${BUCKET}/${KEY}`)).to.contain('not a zip archive');
    });
  });
});

function credentialsOf() {
  return { accessKeyId: VERSITYGW.accessKeyId, secretAccessKey: VERSITYGW.secretAccessKey };
}

/** versitygw that keeps versions, as AWS's buckets do once they are told to. */
function startVersioned(): Promise<Running | undefined> {
  return startProgram('versitygw', async (address, folder) => {
    const [buckets, versions] = [join(folder, 'buckets'), join(folder, 'versions')];
    await mkdir(join(buckets, BUCKET), { recursive: true });
    await mkdir(versions);
    return {
      args: ['--quiet', '--port', address, 'posix', '--versioning-dir', versions, buckets],
      env: { ROOT_ACCESS_KEY: VERSITYGW.accessKeyId, ROOT_SECRET_KEY: VERSITYGW.secretAccessKey },
    };
  });
}
