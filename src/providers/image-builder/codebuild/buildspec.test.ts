import { expect } from 'chai';
import { load } from 'js-yaml';
import { zipSync } from 'fflate';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Build } from '../port.ts';
import { BUILDSPEC } from './buildspec.ts';
import { startRequest } from './request.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const REGISTRY = '123456789012.dkr.ecr.us-east-1.amazonaws.com';
/** The archive, by the name of the Dockerfile in it. */
const archiveOf = (files: Record<string, string>): Uint8Array =>
  zipSync(
    Object.fromEntries(Object.entries(files).map(([path, text]) => [path, new TextEncoder().encode(text)])),
    { mtime: '2020-01-01' },
  );
const FILES = { Dockerfile: 'FROM scratch\n', 'docker/Dockerfile.gpu': 'FROM scratch\n' };
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Every call is recorded, an argument a line and the calls divided by an empty one. */
const RECORD = 'printf "%s\\n" "$@" "" >> "$CALLS/$(basename "$0")"';
const AWS = `#!/bin/bash
${RECORD}
case "$1 $2" in
  'ecr get-authorization-token') printf '%s\\t%s\\n' QVdTOnRva2Vu "$ENDPOINT" ;;
  'ecr-public get-authorization-token') [ -z "$NO_PUBLIC" ] && echo QVdTOnB1YmxpYw== || exit 254 ;;
  's3api get-object') cp "$HOME/stored.zip" "\${@: -1}" ;;
esac
exit "\${AWS_EXIT:-0}"
`;
const DOCKER = `#!/bin/bash
${RECORD}
[ "$1 $2" = 'buildx inspect' ] && exit "\${NO_BUILDER:-0}"
[ "$1 $2" = 'buildx build' ] || exit 0
env > "$CALLS/environment"
[ -z "$EXPERIMENTAL_BUILDKIT_SOURCE_POLICY" ] || cp "$EXPERIMENTAL_BUILDKIT_SOURCE_POLICY" "$CALLS/policy"
sleep "\${TAKES:-0}"
printf '%s\\n' "$SAYS"
cp Dockerfile "$CALLS/built"
while [ $# -gt 0 ]; do
  [ "$1" = --metadata-file ] && printf '{\\n  "containerimage.descriptor": {\\n    "annotations": {\\n      "containerimage.digest": "%s"\\n    }\\n  },\\n  "containerimage.digest": "%s",\\n  "image.name": "x"\\n}' "$FORGED" "$PUSHED" > "$2"
  shift
done
exit "\${DOCKER_EXIT:-0}"
`;

const CACHE = `${REGISTRY}/abundant-sb-sandboxes-cache:shared.hello`;

interface Ran {
  status: number | null;
  output: string;
  calls: (program: string) => string[][];
  file: (name: string) => string;
  digest: string;
}

const buildOf = (change: Partial<Build> = {}): Build => ({
  token: 'hello-1',
  owner: { namespace: 'agents', name: 'hello', uid: 'uid-1' },
  attempt: 1,
  image: `${REGISTRY}/abundant-sb-sandboxes:hello-0123456789ab`,
  context: { kind: 's3', uri: 's3://artifacts/tasks/hello/context.zip', sha256: sha256(archiveOf(FILES)) },
  layers: { reference: CACHE, keep: true },
  dockerfile: 'Dockerfile',
  platform: 'linux/amd64',
  buildArgs: {},
  timeoutSeconds: 600,
  ...change,
});

const settings = {
  region: 'us-east-1',
  platform: 'linux/amd64',
  project: 'abundant-sb-build',
  stack: 'abundant-sb',
  buildkitImage: 'moby/buildkit:v0.27.1',
  baseImageMirrors: {
    'docker.io': `${REGISTRY}/docker-hub`,
    'docker.io/library': 'public.ecr.aws/docker/library',
  },
};

interface Specification {
  env: object;
  phases: Record<string, { commands: string[] }>;
}
const specification = load(BUILDSPEC) as Specification;

/** As CodeBuild runs them: each command in a shell of its own that finds the variables of those before it. */
function script(home: string): string {
  const commands = Object.values(specification.phases).flatMap((phase) => phase.commands);
  return commands
    .map((command, index) => {
      writeFileSync(join(home, `command-${index}`), command);
      return `. "$HOME/command-${index}" || exit`;
    })
    .concat('printf %s "$SB_IMAGE_DIGEST" > "$CALLS/digest"')
    .join('\n');
}

describe('build specification', function () {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'sb-buildspec-'));
    mkdirSync(join(home, 'bin'));
    for (const [name, text] of Object.entries({ aws: AWS, docker: DOCKER })) {
      writeFileSync(join(home, 'bin', name), text);
      chmodSync(join(home, 'bin', name), 0o755);
    }
    writeFileSync(join(home, 'stored.zip'), archiveOf(FILES));
  });
  afterEach(() => rmSync(home, { recursive: true }));

  function run(change: Partial<Build>, environment: Record<string, string> = {}): Ran {
    const { environmentVariablesOverride = [] } = startRequest(buildOf(change), settings);
    const variables = Object.fromEntries(
      environmentVariablesOverride.map(({ name = '', value = '', type }) => [
        name,
        type === 'SECRETS_MANAGER' ? `the ${value.split(':')[1]}` : value,
      ]),
    );
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script(home)], {
      cwd: home,
      encoding: 'utf8',
      env: {
        PATH: `${join(home, 'bin')}:/usr/bin:/bin`,
        HOME: home,
        TMPDIR: home,
        CALLS: home,
        PUSHED: DIGEST,
        FORGED: `sha256:${'f'.repeat(64)}`,
        ENDPOINT: `https://${REGISTRY}`,
        ...variables,
        ...environment,
      },
    });
    const file = (name: string): string =>
      readdirSync(home).includes(name) ? readFileSync(join(home, name), 'utf8') : '';
    const calls = (program: string): string[][] =>
      file(program)
        .split('\n\n')
        .slice(0, -1)
        .map((call) => call.split('\n'));
    return { status, output: stdout + stderr, calls, file, digest: file('digest') };
  }
  const buildCall = (ran: Ran): string[] =>
    ran.calls('docker').find(([, verb]) => verb === 'build') ?? expect.fail(`no build: ${ran.output}`);

  it('is the golden text', () => {
    expect(BUILDSPEC).to.equal(readFileSync(join(import.meta.dirname, 'golden', 'buildspec.yml'), 'utf8'));
  });

  it('exports the digest of what it pushed', () => {
    const ran = run({});
    expect(ran.status, ran.output).to.equal(0);
    expect(ran.digest).to.equal(DIGEST);
    expect(specification.env).to.deep.equal({ shell: 'bash', 'exported-variables': ['SB_IMAGE_DIGEST'] });
  });

  it('logs in to the registry without a daemon, and writes the login for nobody else to read', () => {
    const ran = run({});
    expect(JSON.parse(readFileSync(join(home, '.docker/config.json'), 'utf8'))).to.deep.equal({
      auths: {
        [REGISTRY]: { auth: Buffer.from('AWS:token').toString('base64') },
        'public.ecr.aws': { auth: Buffer.from('AWS:public').toString('base64') },
      },
    });
    expect(spawnSync('stat', ['-c', '%a', join(home, '.docker/config.json')]).stdout.toString()).to.equal(
      '600\n',
    );
    expect(ran.calls('docker').map(([, verb]) => verb)).to.deep.equal(['inspect', 'build']);
  });

  it('builds without a login at ECR Public where it gets none, and where the partition has none', () => {
    const auths = () =>
      Object.keys(
        (JSON.parse(readFileSync(join(home, '.docker/config.json'), 'utf8')) as { auths: object }).auths,
      );
    const refused = run({}, { NO_PUBLIC: '1' });
    expect([refused.status, auths()]).to.deep.equal([0, [REGISTRY]]);
    expect(refused.output).to.contain('no login at public.ecr.aws');
    const image = '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/x:hello-0123456789ab';
    const { environmentVariablesOverride = [] } = startRequest(buildOf({ image }), {
      ...settings,
      region: 'cn-north-1',
    });
    expect(environmentVariablesOverride.map(({ name }) => name)).to.not.include('SB_PUBLIC_REGISTRY');
  });

  it('adds a login of Docker Hub, and does not show it to the build', () => {
    const ran = run({ secret: 'docker-hub' });
    const { auths } = JSON.parse(readFileSync(join(home, '.docker/config.json'), 'utf8')) as {
      auths: object;
    };
    expect(auths).to.have.property('https://index.docker.io/v1/');
    expect(auths).to.have.nested.property(
      'https://index\\.docker\\.io/v1/.auth',
      Buffer.from('the username:the password').toString('base64'),
    );
    expect(ran.file('environment')).to.contain('SB_IMAGE=').and.not.contain('the password');
    expect(ran.output).to.not.contain('the password');
  });

  it('builds with the flags that the registry and its cache need', () => {
    const call = buildCall(run({ target: 'run', dockerfile: '../docker/Dockerfile.gpu' }));
    const cache = `type=registry,ref=${CACHE}`;
    expect(call.slice(2, 9)).to.deep.equal([
      '--builder',
      'sb',
      '--platform',
      'linux/amd64',
      '--file',
      './docker/Dockerfile.gpu',
      '--target=run',
    ]);
    expect(call).to.include.members([
      buildOf().image,
      '--push',
      '--provenance=false',
      '--progress=plain',
      `--cache-from=${cache}`,
      `--cache-to=${cache},mode=max,ignore-error=true,image-manifest=true,oci-mediatypes=true`,
    ]);
    expect(call.at(-1)).to.equal('.');
  });

  it('hands over arguments as they are written, whatever a shell would make of them', () => {
    const value = '$(touch pwned) `id` $$x "a"=b \'c\' * \\ --push';
    const ran = run({ buildArgs: { A: value, B: '' } });
    expect(buildCall(ran)).to.include.members([`--build-arg=A=${value}`, '--build-arg=B=']);
    expect(readdirSync(home)).to.not.include('pwned');
  });

  it('has base images pulled from their mirrors, the longest prefix first', () => {
    const { rules } = JSON.parse(run({}).file('policy')) as { rules: object[] };
    expect(rules).to.deep.equal([
      {
        action: 'CONVERT',
        selector: { identifier: 'docker-image://docker.io/library/*' },
        updates: { identifier: 'docker-image://public.ecr.aws/docker/library/${1}' },
      },
      {
        action: 'CONVERT',
        selector: { identifier: 'docker-image://docker.io/*' },
        updates: { identifier: `docker-image://${REGISTRY}/docker-hub/\${1}` },
      },
    ]);
  });

  it('makes a builder where the environment brings none', () => {
    const create = run({}, { NO_BUILDER: '1' }).calls('docker')[1];
    expect(create).to.include.members(['create', 'docker-container', 'image=moby/buildkit:v0.27.1']);
  });

  describe('on a pinned context', () => {
    const context = (sha: string): Partial<Build> => ({
      context: { kind: 's3', uri: 's3://artifacts/tasks/hello/context.zip', versionId: 'v7', sha256: sha },
    });

    it('checks that very version', () => {
      const ran = run(context(sha256(archiveOf(FILES))));
      expect(ran.status, ran.output).to.equal(0);
      const [, , ...options] = ran.calls('aws').find(([, verb]) => verb === 'get-object') ?? [];
      expect(options.slice(0, 6)).to.deep.equal([
        '--bucket',
        'artifacts',
        '--key',
        'tasks/hello/context.zip',
        '--version-id',
        'v7',
      ]);
    });

    it('ends before it builds where the content is another', () => {
      const ran = run(context('0'.repeat(64)));
      expect(ran.status).to.equal(1);
      expect(ran.output).to.match(
        /^sb-build: ContextMismatch: s3:\/\/artifacts\/tasks\/hello\/context\.zip /m,
      );
      expect(ran.calls('docker')).to.be.empty;
    });

    it('ends where the content is what was claimed and no archive', () => {
      writeFileSync(join(home, 'stored.zip'), 'text');
      const ran = run(context(sha256(Buffer.from('text'))));
      expect(ran.status).to.equal(1);
      expect(ran.output).to.match(/^sb-build: ContextMismatch: .* is no archive/m);
      expect(ran.calls('docker')).to.be.empty;
    });

    it('builds the archive that was checked, whatever CodeBuild has unpacked itself', () => {
      writeFileSync(join(home, 'Dockerfile'), 'FROM another\n');
      expect(run({}).file('built')).to.equal(FILES.Dockerfile);
    });
  });

  it('writes a login for the registry of the account alone', () => {
    const ran = run({ image: 'registry.evil.example/x:hello-0123456789ab' });
    expect(ran.status).to.equal(1);
    expect(ran.output).to.match(/^sb-build: RepositoryNotAllowed: spec.repository: registry.evil.example /m);
    expect(readdirSync(home)).to.not.include('.docker');
    expect(ran.calls('docker')).to.be.empty;
  });

  describe('with layers that others build upon', () => {
    const cached = (dockerfile: string, change: Partial<Build> = {}): string[] => {
      const archive = archiveOf({ Dockerfile: dockerfile });
      writeFileSync(join(home, 'stored.zip'), archive);
      const context = { kind: 's3', uri: 's3://artifacts/tasks/x.zip', sha256: sha256(archive) } as const;
      const call = buildCall(run({ context, ...change }));
      return call.flatMap((argument) => /^--cache-(from|to)=/.exec(argument)?.[1] ?? []);
    };

    it('leaves none of a build that is forced, or that nobody will ask for again', () => {
      expect(cached('FROM scratch\n', { layers: { reference: CACHE, keep: false } })).to.deep.equal(['from']);
      const { layers: _, ...without } = buildOf();
      const { environmentVariablesOverride = [] } = startRequest(without, settings);
      expect(environmentVariablesOverride.map(({ name }) => name)).to.not.include('SB_CACHE');
    });

    for (const dockerfile of [
      'FROM scratch\n',
      '# syntax=docker/dockerfile:1\nFROM scratch\n',
      '#syntax = docker.io/docker/dockerfile:1.7-labs\r\nFROM scratch\n',
    ])
      it(`reads and leaves them for ${JSON.stringify(dockerfile)}`, () =>
        expect(cached(dockerfile)).to.deep.equal(['from', 'to']));

    // Such a program can say of any layer that it is made of anything.
    for (const dockerfile of [
      '# syntax=evil/frontend\nFROM scratch\n',
      '# escape=\\\n# SYNTAX = docker.io/evil/dockerfile:1\nFROM scratch\n',
      '// syntax=evil/frontend\nFROM scratch\n',
      '\uFEFF {"s\\u0079ntax": "evil/frontend"}\n',
      '# syntax=docker/dockerfile:1 evil\nFROM scratch\n',
    ])
      it(`neither reads nor leaves them for ${JSON.stringify(dockerfile)}`, () =>
        expect(cached(dockerfile)).to.deep.equal([]));
  });

  it('ends at the first call that AWS refuses', () => {
    const ran = run({}, { AWS_EXIT: '255' });
    expect([ran.status, ran.calls('docker')]).to.deep.equal([255, []]);
  });

  it('ends a build that outlives its timeout', () => {
    const ran = run({ timeoutSeconds: 1 }, { TAKES: '30' });
    expect(ran.status).to.equal(1);
    expect(ran.output).to.match(/^sb-build: BuildTimeout: the build outlived its 1 seconds$/m);
  });

  it('takes no image that it finds under a tag that cannot be overwritten', () => {
    const ran = run(
      {},
      {
        DOCKER_EXIT: '1',
        SAYS: `ERROR: failed to build: failed to solve: failed to push x: unexpected status from PUT request to https://x: 400 Bad Request\ntag invalid: The image tag 'hello-0123456789ab' already exists in the 'abundant-sb-sandboxes' repository and cannot be overwritten because the repository is immutable.`,
      },
    );
    expect([ran.status, ran.digest]).to.deep.equal([1, '']);
    expect(ran.calls('aws').map(([service]) => service)).to.deep.equal(['ecr-public', 'ecr', 's3api']);
  });

  const builds = (ran: Ran): number => ran.calls('docker').filter(([, verb]) => verb === 'build').length;

  it('logs in once more and pushes again where the registry refuses a push', () => {
    const refused = 'failed to push x: unexpected status from PUT request to https://x: 403 Forbidden';
    const ran = run({}, { DOCKER_EXIT: '1', SAYS: `ERROR: failed to build: failed to solve: ${refused}` });
    expect([ran.status, builds(ran)]).to.deep.equal([1, 2]);
  });

  it('was built twice, with a second whole timeout, where a RUN step printed the words of a refused push', () => {
    const said = '#8 0.312 failed to push it: 403 Forbidden\nERROR: failed to build: failed to solve: x';
    const ran = run({}, { DOCKER_EXIT: '1', SAYS: said });
    expect([ran.status, builds(ran)]).to.deep.equal([1, 1]);
  });

  it('passes the failure of a build on', () => {
    const ran = run({}, { DOCKER_EXIT: '17', SAYS: 'ERROR: failed to build: failed to solve: x' });
    expect([ran.status, ran.digest]).to.deep.equal([17, '']);
  });
});
