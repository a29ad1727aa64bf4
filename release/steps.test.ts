import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { load } from 'js-yaml';
import { folderOf, type Folder } from '../test/support/folder.ts';
import { readArguments } from './arguments.ts';
import { withImage } from './chart.ts';
import { krewManifest } from './krew.ts';
import { packageManifest } from './npm/package.ts';
import { operatorSource } from '../src/client/cloud/cluster/operator-source.ts';
import { checksumsOf, provenanceOf } from './provenance.ts';
import { publish } from './publish.ts';
import type { Release } from './release.ts';
import { goModule } from './sbom.ts';

const ROOT = join(import.meta.dirname, '..');
const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = { repository: 'registry.example.com/sb-operator', digest: DIGEST, platforms: ['linux/amd64'] };
const RELEASE: Release = {
  name: 'sb-operator',
  version: '1.2.3',
  description: 'Runs tasks.',
  license: 'Apache-2.0',
  root: ROOT,
  out: '/nowhere',
  scratch: '/nowhere',
  commit: 'c'.repeat(40),
  committed: 1_700_000_000,
};

describe('The command line of a release', () => {
  const real = ['--registry', IMAGE.repository, '--downloads', 'https://example.com/files/'];

  it('is nothing but --dry-run, or says where image and files are', () => {
    expect(readArguments(['--dry-run'])).to.deep.include({ dryRun: true, image: undefined });
    const wish = readArguments([...real, '--', '--builder', 'sb']);
    expect(wish).to.deep.include({ dryRun: false, downloads: 'https://example.com/files' });
    expect(wish.image).to.deep.equal({
      repository: IMAGE.repository,
      platforms: ['linux/amd64', 'linux/arm64'],
      buildx: ['--builder', 'sb'],
    });
  });

  const refused: [args: string[], why: string][] = [
    [[], '--registry is missing; only --dry-run can do without'],
    [['--registry', 'a/b'], '--downloads is missing; only --dry-run can do without'],
    [[...real, '--registry', 'a/b:1'], '--registry: a/b:1 is not a repository without tag'],
    [[...real, '--registry', 'a'], '--registry: a is not a repository without tag'],
    [[...real, '--registry', `a/b@${DIGEST}`], 'is not a repository without tag'],
    [[...real, '--downloads', 'http://example.com'], '--downloads: http://example.com is not an https URL'],
    [['--dry'], "Unknown option '--dry'"],
  ];
  for (const [args, why] of refused)
    it(`refuses ${args.join(' ') || 'nothing at all'}`, () =>
      expect(() => readArguments(args)).to.throw(why));
});

describe('What a release says of itself', () => {
  let folder: Folder;
  beforeEach(async () => {
    folder = await folderOf({ b: 'b', a: 'a' });
  });
  afterEach(() => folder.remove());

  it('has checksums that sha256sum reads', async () => {
    const sums = checksumsOf(folder.path);
    const checked = execFileSync('sha256sum', ['--check'], {
      cwd: folder.path,
      input: sums,
      encoding: 'utf8',
    });
    expect(checked).to.equal('a: OK\nb: OK\n');
  });

  it('has a statement about every file and the image, made of one commit and one lock file', () => {
    const built = {
      image: IMAGE,
      parameters: { dryRun: true },
      builder: 'https://b.example',
      began: 0,
      ended: 60,
    };
    const statement = provenanceOf({ ...RELEASE, out: folder.path }, built) as {
      subject: { name: string; digest: { sha256: string } }[];
      predicate: { buildDefinition: { resolvedDependencies: { digest: object }[] }; runDetails: object };
    };
    expect(statement.subject.map(({ name }) => name)).to.deep.equal(['a', 'b', IMAGE.repository]);
    expect(statement.subject.at(-1)?.digest).to.deep.equal({ sha256: 'a'.repeat(64) });
    const [source] = statement.predicate.buildDefinition.resolvedDependencies;
    expect(source?.digest).to.deep.equal({ gitCommit: RELEASE.commit });
    expect(statement.predicate.runDetails).to.deep.equal({
      builder: { id: 'https://b.example' },
      metadata: { startedOn: '1970-01-01T00:00:00.000Z', finishedOn: '1970-01-01T00:01:00.000Z' },
    });
  });

  it('tells krew where the package is, and the digest that it must have', () => {
    const manifest = load(krewManifest(RELEASE, 'https://example.com/x.tgz', 'f'.repeat(64))) as {
      spec: { version: string; shortDescription: string; platforms: object[] };
    };
    expect(manifest.spec.version).to.equal('v1.2.3');
    // krew's index refuses longer ones.
    expect(manifest.spec.shortDescription.length).to.be.below(50);
    expect(manifest.spec.platforms).to.have.length(1);
    expect(manifest.spec.platforms[0]).to.include({
      uri: 'https://example.com/x.tgz',
      sha256: 'f'.repeat(64),
      bin: 'bin/sb.mjs',
    });
  });

  it('lists what sbd is made of: Go alone, and never less than there is', () => {
    const [name, go] = goModule(readFileSync(join(ROOT, 'sbd/go.mod'), 'utf8'));
    expect(name).to.match(/\/sbd$/);
    expect(go).to.match(/^\d+\.\d+/);
    expect(() => goModule('module a\n\ngo 1.26\n\nrequire b v1.0.0\n')).to.throw('has requirements');
    expect(() => goModule('go 1.26\n')).to.throw('names no module');
  });

  it('puts the image into the chart’s values, and leaves all else as it is', () => {
    const values = 'a: 1\nimage:\n  # Where.\n  repository: x\n  tag: y\n  digest: ""\nb:\n  repository: z\n';
    expect(withImage(values, IMAGE)).to.equal(
      `a: 1\nimage:\n  # Where.\n  repository: ${IMAGE.repository}\n  tag: y\n  digest: ${DIGEST}\nb:\n  repository: z\n`,
    );
    expect(() => withImage('image:\n  repository: x\nb:\n  digest: x\n', IMAGE)).to.throw('no image.digest');
  });
});

describe('Publishing', () => {
  let folder: Folder;
  let server: Server;
  const before = { ...process.env };
  const put: { versions: Record<string, { name: string }>; 'dist-tags': Record<string, string> }[] = [];
  let answer = 201;
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: folder.path, encoding: 'utf8' });

  beforeEach(async () => {
    put.length = 0;
    answer = 201;
    server = createServer((request, response) => {
      const end = (status: number): void =>
        void response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
      if (request.method !== 'PUT') return end(404);
      void json(request).then((body) => {
        put.push(body as (typeof put)[number]);
        end(answer);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    folder = await folderOf({
      'out/package.json': '{"name":"sb-operator","version":"1.2.3"}',
      npmrc: `registry=http://127.0.0.1:${port}/\n//127.0.0.1:${port}/:_authToken=x\n`,
      gitconfig: '[user]\nname = a\nemail = a@b.c\n',
    });
    Object.assign(process.env, {
      npm_config_userconfig: join(folder.path, 'npmrc'),
      npm_config_registry: `http://127.0.0.1:${port}/`,
      GIT_CONFIG_GLOBAL: join(folder.path, 'gitconfig'),
    });
    git('init', '-q');
    git('commit', '-q', '--allow-empty', '-m', 'x');
    execFileSync('npm', ['pack', '--silent'], { cwd: join(folder.path, 'out') });
  });
  afterEach(async () => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
    server.close();
    await folder.remove();
  });

  const published = (version: string): Promise<void> => {
    const commit = git('rev-parse', 'HEAD').trim();
    const release = { ...RELEASE, root: folder.path, out: join(folder.path, 'out'), version, commit };
    return publish(release, 'sb-operator-1.2.3.tgz');
  };

  it('sends the package to the registry, then tags the commit', async () => {
    await published('1.2.3');
    expect(put.map((body) => [Object.keys(body.versions), body['dist-tags']])).to.deep.equal([
      [['1.2.3'], { latest: '1.2.3' }],
    ]);
    expect(git('tag', '--points-at', 'HEAD')).to.equal('v1.2.3\n');
  });

  it('keeps a pre-release from who asks for no version', async () => {
    await published('1.2.3-rc.1');
    expect(put.map((body) => body['dist-tags'])).to.deep.equal([{ next: '1.2.3' }]);
  });

  it('sets no tag where the registry refuses the package', async () => {
    answer = 403;
    const said = await published('1.2.3').then(
      () => 'published',
      (error: Error) => error.message,
    );
    expect(said).to.match(/^npm publish failed \(1\): [\s\S]*403/);
    expect(git('tag', '--list')).to.equal('');
  });
});

describe('The package’s manifest', () => {
  it('names the image that sb cloud init installs, as it takes it, and none where none was pushed', async () => {
    const digest = `sha256:${'1'.repeat(64)}`;
    const image = { repository: 'registry.example.com/sb-operator', digest, platforms: [] };
    const folder = await folderOf({ 'package.json': JSON.stringify(packageManifest(RELEASE, image)) });
    const source = operatorSource(folder.path, {});
    await folder.remove();
    expect(source).to.deep.equal({
      kind: 'image',
      reference: `registry.example.com/sb-operator@${digest}`,
    });
    expect(packageManifest(RELEASE)).to.not.have.property('operatorImage');
  });
});

describe('sb on an older Node', () => {
  it('is warned of by npm when it is installed', () => {
    const [, oldest] = /^const OLDEST = (\d+);$/m.exec(readFileSync(join(ROOT, 'bin/sb.mjs'), 'utf8')) ?? [];
    expect(packageManifest(RELEASE)).to.deep.include({ engines: { node: `>=${oldest}` } });
  });

  it('says which it needs, and how to have it for once', async () => {
    const folder = await folderOf({
      'bin/sb.mjs': readFileSync(join(ROOT, 'bin/sb.mjs')),
      'dist/sb/sb.js': 'throw new Error("it ran");\n',
      'older.mjs': "Object.defineProperty(process, 'versions', { value: { node: '20.1.0' } });\n",
    });
    const { stderr, status } = spawnSync(
      process.execPath,
      ['--import', join(folder.path, 'older.mjs'), join(folder.path, 'bin/sb.mjs')],
      { encoding: 'utf8' },
    );
    await folder.remove();
    expect([status, stderr]).to.deep.equal([
      3,
      'sb needs Node 24 or newer; this is 20.1.0. With it: npx -p node@24 -p sb-operator sb\n',
    ]);
  });
});
