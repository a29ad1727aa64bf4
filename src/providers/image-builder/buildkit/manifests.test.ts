import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectGolden } from '../../../../test/support/golden.ts';
import { classify } from './failure.ts';
import { buildctlArguments, buildJob } from './manifests.ts';
import type { Build } from '../port.ts';

const build: Build = {
  token: 'hello-0123456789ab-1',
  owner: { namespace: 'evals', name: 'hello-0123456789ab', uid: '0000-1111' },
  attempt: 1,
  image: 'sb-registry:5000/sandboxes:hello-0123456789ab',
  context: { kind: 's3', uri: 's3://artifacts/tasks/t/context.zip', sha256: 'ab'.repeat(32) },
  dockerfile: 'Dockerfile',
  platform: 'linux/amd64',
  buildArgs: { VERSION: '1.2' },
  timeoutSeconds: 1800,
};
const settings = {
  address: 'tcp://sb-buildkit:1234',
  buildctlImage: 'sb-registry:5000/buildctl:v0.27.1',
  courierImage: 'sb-registry:5000/sb-operator:abc',
  brokerUrl: 'https://sb-broker.sb-system.svc:8443',
  brokerCa: '-----BEGIN CERTIFICATE-----\n',
};

const GOLDEN = new URL('golden/', import.meta.url);

const options = (change: Partial<Build>): string[] => {
  const list = buildctlArguments({ ...build, buildArgs: {}, ...change }, settings.address);
  return list.filter((_, index) => list[index - 1] === '--opt');
};

describe('Job of a build', () => {
  it('fetches an archive with a token and builds it', async () => {
    await expectGolden('s3.yaml', buildJob(build, settings), GOLDEN);
  });

  it('reads a ConfigMap without any token', async () => {
    const job = buildJob(
      { ...build, context: { kind: 'configMap', name: 'hello-context', sha256: 'ab'.repeat(32) } },
      settings,
    );
    await expectGolden('config-map.yaml', job, GOLDEN);
  });

  it('logs in, asks mirrors and takes the frontend of an argument, where it is to', async () => {
    const full = {
      ...build,
      target: 'run',
      secret: 'docker-hub',
      buildArgs: { BUILDKIT_SYNTAX: 'docker/dockerfile:1.7-labs' },
    };
    const mirrored = { ...settings, baseImageMirrors: { 'docker.io/library': 'mirror/library' } };
    await expectGolden('full.yaml', buildJob(full, mirrored), GOLDEN);
  });

  it('shows a login to buildctl’s container alone', () => {
    const { template } = buildJob({ ...build, secret: 'docker-hub' }, settings).spec!;
    const { containers, initContainers, volumes } = template.spec!;
    const mount = { name: 'login', mountPath: '/login', readOnly: true };
    expect(containers[0]!.volumeMounts).to.deep.include(mount);
    expect(containers[0]!.env).to.deep.include({ name: 'DOCKER_CONFIG', value: '/login' });
    expect(initContainers![0]!.volumeMounts!.map(({ name }) => name)).to.not.include('login');
    expect(volumes).to.deep.include({
      name: 'login',
      secret: {
        secretName: 'docker-hub',
        items: [{ key: '.dockerconfigjson', path: 'config.json' }],
        optional: true,
      },
    });
  });

  it('has base images pulled from their mirrors', () => {
    const mirrored = { ...settings, baseImageMirrors: { 'docker.io/library': 'mirror/library' } };
    const { command, env } = buildJob(build, mirrored).spec!.template.spec!.containers[0]!;
    expect(command![2]).to.contain('--source-policy-file');
    const policy = env!.find(({ name }) => name === 'SB_SOURCE_POLICY')!.value!;
    expect(policy)
      .to.contain('docker-image://docker.io/library/*')
      .and.contain('docker-image://mirror/library/$${1}');
  });

  describe('whose buildctl is a script', () => {
    let folder: string;
    beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'sb-build-'))));
    afterEach(() => rmSync(folder, { recursive: true }));

    /** Runs the container’s command, with what it writes in the folder. */
    const run = (buildctl: string, { dockerfile = '', ...change }: Partial<Build> = {}) => {
      const [{ command, args } = {}] = buildJob({ ...build, ...change }, settings).spec!.template.spec!
        .containers;
      const file = join(folder, 'Dockerfile');
      writeFileSync(file, dockerfile);
      writeFileSync(join(folder, 'buildctl'), `#!/bin/sh\n${buildctl}\n`, { mode: 0o755 });
      const script = command![2]!.replaceAll(/\/tmp\/|\/dev\/(?=termination-log)/g, `${folder}/`);
      const env = { PATH: `${folder}:/usr/bin:/bin`, SB_DOCKERFILE: file };
      const { status, stdout } = spawnSync('/bin/sh', ['-c', script, 'build', ...args!], {
        encoding: 'utf8',
        env,
      });
      return { status, stdout, message: readFileSync(join(folder, 'termination-log'), 'utf8') };
    };
    /** Arguments of buildctl for a Dockerfile. */
    const called = (dockerfile: string, change: Partial<Build> = {}): string =>
      run('echo "$@"; exit 1', { ...change, dockerfile }).stdout;

    it('leaves the end of its log where it fails, as much as Kubernetes keeps, and its exit code', () => {
      const { status, stdout, message } = run('yes working | head -n 5000; echo error: no >&2; exit 7');
      expect(status).to.equal(7);
      expect(stdout).to.match(/^(working\n){5000}error: no\n$/);
      expect(message).to.equal(stdout.slice(-4096));
    });

    it('leaves the digest where it does not', () => {
      const digest = `sha256:${'0'.repeat(64)}`;
      const line = `  "containerimage.digest": "${digest}",`;
      const { status, message } = run(`echo working; echo '${line}' > ${folder}/metadata.json`);
      expect({ status, message }).to.deep.equal({ status: 0, message: `${digest}\n` });
    });

    const BUILT_IN = '--opt cmdline=docker/dockerfile:1';

    it('has BuildKit take the frontend that it has in itself, where that is the one', () => {
      for (const line of [
        '# syntax=docker/dockerfile:1',
        '#syntax = docker/dockerfile:1.4\r',
        '# Syntax=docker.io/docker/dockerfile:1.7.1 ',
        '# syntax=docker/dockerfile:1.20',
      ])
        expect(called(`${line}\nFROM a\n`), line).to.include(BUILT_IN);
    });

    it('has any other pulled, as the Dockerfile says', () => {
      for (const line of [
        'FROM a',
        '# syntax=docker/dockerfile:1-labs',
        '# syntax=docker/dockerfile:1.21',
        '# syntax=docker/dockerfile:2',
        '# syntax=docker/dockerfile:latest',
        `# syntax=docker/dockerfile:1@sha256:${'0'.repeat(64)}`,
        '# syntax=example.com/docker/dockerfile:1',
        '# syntax=other/dockerfile:1',
        'FROM a\n# syntax=docker/dockerfile:1',
      ])
        expect(called(`${line}\nFROM a\n`), line)
          .to.include('build')
          .and.not.include('cmdline');
      const said = called('# syntax=docker/dockerfile:1\n', { buildArgs: { BUILDKIT_SYNTAX: 'other/one' } });
      expect(said).to.include('BUILDKIT_SYNTAX').and.not.include('cmdline');
    });
  });

  it('ends with a word for a login that is not there', () => {
    const { template } = buildJob({ ...build, secret: 'docker-hub' }, settings).spec!;
    const { command, args } = template.spec!.containers[0]!;
    const { status, stdout } = spawnSync(command![0]!, [...command!.slice(1), ...args!], {
      encoding: 'utf8',
      env: { DOCKER_CONFIG: '/nowhere', SB_SECRET: 'docker-hub' },
    });
    expect(status).to.equal(1);
    expect(classify(stdout)).to.include({
      reason: 'BuilderNotFound',
      message: 'spec.secretRefs: there is no Secret docker-hub of type kubernetes.io/dockerconfigjson',
    });
  });

  it('hands what people wrote to buildctl as single arguments, with dollars that Kubernetes leaves alone', () => {
    const job = buildJob({ ...build, buildArgs: { A: '$(HOME) "x", y; $$z' }, target: '$(id)' }, settings);
    const { args, command } = job.spec!.template.spec!.containers[0]!;
    expect(args).to.include.members(['build-arg:A=$$(HOME) "x", y; $$$$z', 'target=$$(id)']);
    expect(command!.join('\n')).to.not.match(/\$\(/);
  });

  it('names the digest that buildctl names, and none that a frontend has written into an annotation', () => {
    const { command } = buildJob(build, settings).spec!.template.spec!.containers[0]!;
    const [, expression = ''] = /sed -n '(.*)' /.exec(command![2]!) ?? [];
    const annotations = { 'containerimage.digest': `sha256:${'f'.repeat(64)}` };
    const digest = `sha256:${'0'.repeat(64)}`;
    const metadata = {
      'containerimage.descriptor': { annotations },
      'containerimage.digest': digest,
      'image.name': '\n  "containerimage.digest": "sha256:ee"',
    };
    const input = JSON.stringify(metadata, null, 2);
    expect(spawnSync('sed', ['-n', expression], { encoding: 'utf8', input }).stdout).to.equal(`${digest}\n`);
  });

  it('keeps the Dockerfile within the context', () => {
    expect(options({ dockerfile: './docker/../app/Dockerfile.gpu' })).to.include(
      'filename=app/Dockerfile.gpu',
    );
    expect(options({ dockerfile: '../../etc/passwd' })).to.include('filename=etc/passwd');
  });

  it('lets an image name add no attribute to the output', () => {
    const list = buildctlArguments({ ...build, image: 'a,push=false,"b' }, settings.address);
    expect(list.at(-1)).to.equal('type=image,"name=a,push=false,""b",push=true');
  });
});
