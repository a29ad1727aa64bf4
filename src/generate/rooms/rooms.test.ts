import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { isTest, problemOf, readHouse, roomsOf, type Room } from './rooms.ts';
import { withTable } from './table.ts';

const ROOT = join(import.meta.dirname, '../../..');
const house = readHouse(ROOT);
const sources = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', 'src', 'release'],
  {
    cwd: ROOT,
    encoding: 'utf8',
  },
)
  .split('\n')
  .filter((file) => file.endsWith('.ts') && !isTest(house, file));
const roomOf = (file: string): Room | undefined => roomsOf(house, file)[0];
const walled = house.rooms.filter((room) => room.may !== 'anything');

/** The import of `target`, a file of ours or a package, as a file of that room would write it. */
const importOf = (from: string, target: string): string =>
  `import * as planted from '${/^(src|release)\//.test(target) ? relative(dirname(from), target) : target}';\nexport { planted };\n`;

/** A file of the room that would have it, and of what it may not import the nearest: a room above, and a package. */
function forbiddenTo(room: Room): { from: string; targets: string[] } {
  const from =
    sources.find((file) => roomOf(file)?.name === room.name) ?? expect.fail(`${room.name} is empty`);
  const other = sources.find((file) => {
    const its = roomOf(file);
    return its && its.name !== room.name && !room.may.includes(its.name);
  });
  return { from, targets: [...(other === undefined ? [] : [other]), 'left-pad'] };
}

/** Arrows that were open once, each to be refused: file → what it must not import. */
const ONCE_OPEN: [string, string][] = [
  ['src/controllers/trial/observe.ts', 'src/providers/artifact-store/s3.ts'],
  ['src/controllers/expiry/controller.ts', 'src/providers/artifact-store/s3.ts'],
  ['src/broker/assignment.ts', 'src/providers/artifact-store/s3.ts'],
  ['src/client/runs/plan/plan.ts', 'src/providers/artifact-store/s3.ts'],
  ['src/courier/attempt.ts', 'src/providers/artifact-store/s3.ts'],
  ['src/courier/attempt.ts', 'src/kube/connect.ts'],
  ['src/providers/artifact-store/port.ts', '@aws-sdk/client-s3'],
  ['src/providers/artifact-store/port.ts', 'src/kube/kinds.ts'],
  ['src/providers/artifact-store/port.ts', 'src/providers/image-registry/memory.ts'],
  ['src/providers/artifact-store/s3.ts', 'src/providers/image-registry/oci.ts'],
  ['src/controllers/trial/status.ts', 'src/controllers/task-build/status.ts'],
  ['src/controllers/task-build/slots.ts', 'src/cli/program.ts'],
  ['src/controllers/task-build/start.ts', 'src/providers/image-builder/codebuild.ts'],
  ['src/controllers/trial/status.ts', 'src/broker/server.ts'],
  ['src/kube/client.ts', 'src/controllers/trial/controller.ts'],
  ['src/crds/trial.ts', 'src/kube/client.ts'],
  ['src/client/session/session.ts', 'src/cli/program.ts'],
  ['src/client/failures/error.ts', 'src/client/runs/plan/plan.ts'],
  ['src/client/session/session.ts', 'src/providers/artifact-store/s3.ts'],
  ['src/installation/roles.ts', 'src/broker/permissions.ts'],
  ['src/installation/stateful-set.ts', '@kubernetes/client-node'],
];

describe('rooms.json', function () {
  this.timeout(120_000);
  let folder: string;

  /** Lints one planted file a folder with the project's own settings; how many arrows were refused, by folder. */
  function refusals(planted: { folder: string; file: string; text: string }[]): Map<string, number> {
    for (const { folder: name, file, text } of planted) {
      const path = join(folder, name, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      cpSync(join(ROOT, 'rooms.json'), join(folder, name, 'rooms.json'));
    }
    const settings = JSON.parse(readFileSync(join(ROOT, '.oxlintrc.json'), 'utf8')) as {
      jsPlugins: string[];
      options: object;
    };
    const own = {
      ...settings,
      options: { ...settings.options, typeAware: false },
      jsPlugins: settings.jsPlugins.map((plugin) => join(ROOT, plugin)),
    };
    const config = join(folder, 'settings.json');
    writeFileSync(config, JSON.stringify(own));
    const program = join(ROOT, 'node_modules/oxlint/bin/oxlint');
    const linted = spawnSync(process.execPath, [program, '--config', config, '--format', 'json', '.'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const { diagnostics } = JSON.parse(linted.stdout) as {
      diagnostics: { code: string; filename: string }[];
    };
    const counts = new Map<string, number>();
    for (const { code, filename } of diagnostics) {
      const [name = ''] = relative(folder, join(folder, filename)).split('/');
      if (code === 'rooms(arrows)') counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rooms-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has every file of src and release in exactly one room', () => {
    const lost = sources.filter((file) => roomsOf(house, file).length !== 1);
    expect(lost.map((file) => [file, roomsOf(house, file).map(({ name }) => name)])).to.deep.equal([]);
  });

  it('has a file in every room', () => {
    const empty = house.rooms.filter((room) => !sources.some((file) => roomOf(file) === room));
    expect(empty.map(({ name }) => name)).to.deep.equal([]);
  });

  it('allows no arrow that runs up', () => {
    writeFileSync(
      join(folder, 'rooms.json'),
      JSON.stringify({ tests: [], rooms: [{ name: 'a', is: '', files: [], may: ['b'] }] }),
    );
    expect(() => readHouse(folder)).to.throw('a may not import b');
    rmSync(join(folder, 'rooms.json'));
  });

  it('has a linter that refuses what a row does not name: a room and a package for each', () => {
    const plants = walled.flatMap((room, at) => {
      const { from, targets } = forbiddenTo(room);
      return targets.map((target, index) => ({
        folder: `row-${at}-${index}`,
        file: from,
        text: importOf(from, target),
      }));
    });
    const counts = refusals(plants);
    const open = plants.filter(({ folder: name }) => counts.get(name) !== 1);
    expect(open.map(({ file, text }) => [file, text])).to.deep.equal([]);
  });

  it('has a linter that refuses each arrow that was open once', () => {
    const plants = ONCE_OPEN.map(([from, target], at) => ({
      folder: `once-${at}`,
      file: from,
      text: importOf(from, target),
    }));
    const counts = refusals(plants);
    expect(plants.filter(({ folder: name }) => counts.get(name) !== 1)).to.deep.equal([]);
  });

  it('has a linter that sees every way to import', () => {
    const file = 'src/crds/planted.ts';
    const ways = [
      "import '../broker/server.ts';",
      "export * from '../broker/server.ts';",
      "export { startBroker } from '../broker/server.ts';",
      "export const broker = () => import('../broker/server.ts');",
      "import type { BrokerOptions } from '../broker/server.ts';\nexport type B = BrokerOptions;",
      "export type B = import('../broker/server.ts').BrokerOptions;",
      "import { type KubeClient, keyOf } from '../kube/types.ts';\nexport { keyOf };\nexport type K = KubeClient;",
    ];
    const plants = ways.map((text, at) => ({ folder: `way-${at}`, file, text: `${text}\n` }));
    const counts = refusals(plants);
    expect(plants.filter(({ folder: name }) => counts.get(name) !== 1)).to.deep.equal([]);
  });

  it('lets types of a room through where a row names them', () => {
    const types = { from: 'src/crds/trial.ts', specifier: '../kube/types.ts', typesOnly: true };
    expect(problemOf(house, types)).to.equal(undefined);
    expect(problemOf(house, { ...types, typesOnly: false })).to.include('only types');
  });

  it('is the table of docs/architecture.md', () => {
    const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
    const cells = (text: string): string => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---');
    expect(cells(page)).to.equal(cells(withTable(page, house)));
  });
});
