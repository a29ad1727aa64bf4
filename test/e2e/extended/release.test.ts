/** A release of what is committed, made in clones of this checkout and used as its users would. */
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { loadAll } from 'js-yaml';
import { LIMIT } from '../../../release/npm/package.ts';
import { manifestOf } from '../../../release/release.ts';
import { operatorSource } from '../../../src/client/cloud/cluster/operator-source.ts';
import { CONTAINER, COURIER_IMAGE, OPERATOR } from '../../../src/installation/names.ts';
import type { StatefulSet } from '../../../src/kube/kinds.ts';
import { makeBuildHome, type BuildHome } from '../../support/aws/build-home.ts';
import { kubectlOk, root } from '../../support/cluster.ts';
import { buildSbd } from '../../support/sbd/build.ts';
import { buildkitAddress, ensureAwsTools, ensureHelm, environment, registry } from '../cluster/index.ts';
import { npmSecrets } from '../cluster/images/operator-image.ts';
import { world } from '../support/world.ts';

const run = promisify(execFile);
const MB = 1e6;
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
const REPOSITORY = `${registry.inCluster}/released/sb-operator`;
const NODE = dirname(process.execPath);
const { version } = manifestOf(root);

/** A checkout of what is committed, with the packages of this one. */
async function cloneInto(folder: string): Promise<string> {
  await run('git', ['clone', '--quiet', '--no-tags', root, folder]);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  appendFileSync(join(folder, '.git/info/exclude'), '/node_modules\n');
  return folder;
}

/** Files of a release, by their names. */
const released = (clone: string, file: string): string => join(clone, 'dist/release', file);

describe('a release', function () {
  this.timeout(900_000);

  let folder: string;
  let home: BuildHome;
  let first: string;
  let printed: string;
  const archive = `sb-operator-${version}.tgz`;

  const release = async (clone: string, ...args: string[]): Promise<string> => {
    const { helm } = await ensureHelm();
    const own = environment();
    const PATH = [dirname(helm), own['PATH']].join(delimiter);
    const env = { ...own, PATH, DOCKER_CONFIG: join(home.path, '.docker') };
    const { stdout } = await run(process.execPath, ['release/main.ts', ...args], {
      cwd: clone,
      env,
      maxBuffer: 50 * MB,
    });
    return stdout;
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sb-release-'));
    const { buildx } = await ensureAwsTools();
    home = await makeBuildHome({ buildx, buildkit: buildkitAddress, registry: registry.host });
    first = await cloneInto(join(folder, 'first'));
    const secrets = Object.entries(await npmSecrets()).flatMap(([id, file]) => [
      '--secret',
      `id=${id},src=${file}`,
    ]);
    const sbd = await buildSbd({ architectures: [architecture] });
    const wish = ['--registry', REPOSITORY, '--platform', `linux/${architecture}`];
    const buildxWords = ['--builder', 'sb', '--build-context', `sbd=${sbd}`, ...secrets];
    printed = await release(first, '--dry-run', ...wish, '--', ...buildxWords);
  });
  after(() => {
    home?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('consists of these files, and their checksums hold', async () => {
    const { stdout } = await run('sha256sum', ['--check', 'SHA256SUMS'], {
      cwd: join(first, 'dist/release'),
    });
    expect(stdout.trim().split('\n')).to.have.members(
      [
        `sb-operator-chart-${version}.tgz`,
        'install.yaml',
        'provenance.intoto.json',
        `sb-operator-${version}.cdx.json`,
        archive,
        `sb-operator-image-${version}.cdx.json`,
        'sb.yaml',
      ].map((file) => `${file}: OK`),
    );
    expect(printed).to.include('nothing was published');
    expect((await run('git', ['tag'], { cwd: first })).stdout).to.equal('');
  });

  it('has the same SBOMs when it is made again, and a package that differs by the name of its image alone', async () => {
    const second = await cloneInto(join(folder, 'second'));
    await release(second, '--dry-run');
    for (const file of [`sb-operator-${version}.cdx.json`, `sb-operator-image-${version}.cdx.json`])
      expect(readFileSync(released(second, file)).equals(readFileSync(released(first, file))), file).to.equal(
        true,
      );
    const [named, nameless] = await Promise.all([unpacked(first), unpacked(second)]);
    const { stdout } = await run('diff', ['-rq', named, nameless]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).to.equal(`Files ${named}/package.json and ${nameless}/package.json differ\n`);
    const [with_, without] = [named, nameless].map(
      (path) => JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Record<string, unknown>,
    );
    expect({ ...without, operatorImage: with_?.['operatorImage'] }).to.deep.equal(with_);
  });

  it('has sb cloud init install the image that was pushed, without a word of the user’s', async () => {
    const source = operatorSource(await unpacked(first), {});
    const [image = ''] = /\S+@sha256:\w{64}/.exec(printed) ?? [];
    expect(source).to.deep.equal({ kind: 'image', reference: image });
    expect(image).to.match(new RegExp(`^${REPOSITORY}@sha256:`));
  });

  /** The package of a release, in a folder. */
  async function unpacked(clone: string): Promise<string> {
    const into = mkdtempSync(join(folder, 'package-'));
    await run('tar', ['-xzf', released(clone, archive), '-C', into]);
    return join(into, 'package');
  }

  it('lists every package that is bundled, Go and the image of Node in valid SBOMs', () => {
    const namesIn = (file: string): string[] => {
      const bom = JSON.parse(readFileSync(released(first, file), 'utf8')) as {
        specVersion: string;
        components: { purl: string }[];
      };
      expect(bom.specVersion).to.equal('1.6');
      return bom.components.map(({ purl }) => purl.replace(/\?.*/, ''));
    };
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string }>;
    };
    const purlOf = (name: string): string =>
      `pkg:npm/${name.replace('@', '%40')}@${packages[`node_modules/${name}`]?.version}`;
    expect(namesIn(`sb-operator-${version}.cdx.json`)).to.include.members(
      ['commander', 'undici', '@aws-sdk/client-s3'].map(purlOf),
    );
    expect(namesIn(`sb-operator-image-${version}.cdx.json`)).to.include.members([
      ...['pino', 'prom-client', '@kubernetes/client-node'].map(purlOf),
      `pkg:golang/sb.abundant.ai/sbd@v${version}`,
      'pkg:golang/std@1.26',
      'pkg:docker/node@26-slim',
    ]);
  });

  it('installs the operator by digest, which a node can pull and the API server accepts', async () => {
    const objects = loadAll(readFileSync(released(first, 'install.yaml'), 'utf8')) as StatefulSet[];
    const operator = objects.find(
      ({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === OPERATOR.name,
    );
    const container = operator?.spec?.template.spec?.containers.find(({ name }) => name === CONTAINER);
    const image = container?.image ?? '';
    expect(image).to.match(new RegExp(`^${REPOSITORY}@sha256:[0-9a-f]{64}$`));
    expect(container?.env?.find(({ name }) => name === COURIER_IMAGE)?.value).to.equal(image);
    expect(printed).to.include(`image: ${image} for linux/${architecture}`);
    const file = released(first, 'install.yaml');
    await kubectlOk(['apply', '--server-side', '--force-conflicts', '--dry-run=server', '-f', file]);
    const { namespace } = world();
    const pod = ['-n', namespace, 'released'];
    await kubectlOk([
      'run',
      ...pod,
      `--image=${image}`,
      '--restart=Never',
      '--command',
      '--',
      '/opt/sb/sbd',
      '--version',
    ]);
    await kubectlOk([
      'wait',
      '-n',
      namespace,
      'pod/released',
      '--for=jsonpath={.status.phase}=Succeeded',
      '--timeout=120s',
    ]);
    expect(await kubectlOk(['logs', ...pod])).to.match(
      new RegExp(`^sbd ${version.replaceAll('.', '\\.')}, protocol `),
    );
    const { subject } = JSON.parse(readFileSync(released(first, 'provenance.intoto.json'), 'utf8')) as {
      subject: { name: string; digest: { sha256: string } }[];
    };
    expect(subject.at(-1)).to.deep.equal({ name: REPOSITORY, digest: { sha256: image.split('sha256:')[1] } });
  });

  describe('to a user of its npm package', () => {
    let user: string;
    let bin: string;

    /** A program that the package brings, as a shell finds it. */
    const told = (program: string, ...args: string[]): Promise<{ stdout: string }> =>
      run(program, args, {
        cwd: user,
        env: {
          ...environment(),
          HOME: user,
          PATH: [bin, NODE, environment()['PATH']].join(delimiter),
          KUBECONFIG: '/nonexistent',
        },
      });

    before(async () => {
      user = join(folder, 'user');
      bin = join(user, 'node_modules/.bin');
      mkdirSync(user);
      writeFileSync(join(user, 'package.json'), '{"private":true,"type":"module"}\n');
      await run('npm', ['install', '--no-audit', '--no-fund', released(first, archive)], { cwd: user });
    });

    it('brings nothing else, and takes no more than it may', async () => {
      const { stdout } = await run('npm', ['ls', '--all', '--parseable'], { cwd: user });
      expect(stdout.trim().split('\n').slice(1)).to.deep.equal([join(user, 'node_modules/sb-operator')]);
      const { stdout: packed } = await run('tar', ['-tzvf', released(first, archive)]);
      const files = packed
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/));
      const isPart = (name: string): boolean =>
        /^package\/dist\/sb\/[A-Za-z0-9_-]+-[A-Z0-9]{8}\.js$/.test(name);
      expect(
        files
          .map((words) => words.at(-1) ?? '')
          .filter((name) => !isPart(name))
          .sort(),
      ).to.deep.equal(
        [
          'LICENSE',
          'README.md',
          'bin/sb.mjs',
          'dist/client/index.d.ts',
          'dist/client/index.js',
          'dist/sb/licenses.txt',
          'dist/sb/sb.js',
          'package.json',
        ].map((name) => `package/${name}`),
      );
      expect(files.reduce((sum, words) => sum + Number(words[2]), 0)).to.be.at.most(LIMIT);
    });

    it('starts as sb by npx, and as kubectl sb', async () => {
      expect((await told('npx', '--no-install', 'sb', '--help')).stdout).to.match(/^Usage: sb /);
      expect((await told('npx', '--no-install', 'sb-operator', '--version')).stdout).to.include(version);
      expect((await told('sb', '--version')).stdout).to.include(version);
      expect((await told('kubectl', 'sb', '--version')).stdout).to.include(version);
      expect((await told('kubectl', 'plugin', 'list')).stdout).to.include('kubectl-sb');
    });

    it('checks the types of a program strictly, without any package but Node’s types, and runs it', async () => {
      const types = ['@types/node', 'undici-types'];
      for (const name of types)
        cpSync(join(root, 'node_modules', name), join(user, 'node_modules', name), {
          recursive: true,
          dereference: true,
        });
      const compilerOptions = {
        noEmit: true,
        strict: true,
        skipLibCheck: false,
        module: 'nodenext',
        target: 'es2024',
        types: ['node'],
      };
      writeFileSync(
        join(user, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: ['program.ts', 'wrong.ts'] }),
      );
      writeFileSync(
        join(user, 'program.ts'),
        `import { describeError, openSession, SandboxNotFound, type CliError, type RunOptions, type Session } from 'sb-operator/client';
const options: RunOptions = { attempts: 2, agents: [{ name: 'oracle' }] };
try {
  const session: Session = openSession({}, { env: {}, cwd: '/', now: () => new Date() });
  await session.close();
} catch (error) {
  const failure: CliError = describeError(error);
  console.log(failure.code, new SandboxNotFound('x').name, options.attempts);
}
`,
      );
      writeFileSync(
        join(user, 'wrong.ts'),
        `import type { RunOptions } from 'sb-operator/client';
// @ts-expect-error attempts are a number
export const options: RunOptions = { attempts: '2' };
`,
      );
      await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', user]);
      expect((await told('node', 'program.ts')).stdout).to.equal('SB-E002 SandboxNotFound 2\n');
    });
  });

  it('is refused where something is not committed', async () => {
    writeFileSync(join(first, 'new'), '');
    const said = await release(first, '--dry-run').then(
      () => 'released',
      (error: { stderr: string }) => error.stderr,
    );
    rmSync(join(first, 'new'));
    expect(said).to.equal('the work tree is not what is committed (?? new): commit it, or take it back\n');
  });
});
