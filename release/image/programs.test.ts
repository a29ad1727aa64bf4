import { expect } from 'chai';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { courierContainer } from '../../src/pods/building/beside-courier.ts';
import { V8_FLAGS } from '../../src/installation/stateful-set.ts';
import { POD_SETTINGS } from '../../test/support/builders/objects.ts';
import { root } from '../../test/support/cluster.ts';
import { bundleImage } from './programs.ts';

/** As the Dockerfile compiles each of them. */
const builds = [
  ...readFileSync(join(root, 'Dockerfile'), 'utf8').matchAll(/bin\/node (.*)\/app\/(compile\.js) (\w+)/g),
].map(([, flags = '', ...words]) => [...flags.split(' ').filter(Boolean), ...words]);
const USAGE = 'usage: courier.js trial | regrade | sandbox | context [--configmap SHA256]\n';

describe('The programs of the image', () => {
  let made: string;
  let folder: string;
  before(async () => {
    made = mkdtempSync(join(tmpdir(), 'sb-image-'));
    await bundleImage(made);
    expect(builds.map((words) => words.at(-1))).to.deep.equal(['operator', 'courier']);
    for (const words of builds) {
      const { status, stderr } = node(made, words);
      expect(status, stderr).to.equal(0);
    }
  });
  after(() => rmSync(made, { recursive: true }));
  beforeEach(() => cpSync(made, (folder = mkdtempSync(join(tmpdir(), 'sb-image-'))), { recursive: true }));
  afterEach(() => rmSync(folder, { recursive: true }));

  const node = (cwd: string, words: string[]): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, words, { cwd, encoding: 'utf8', env: {} });
  /** What V8 says to the code of a program: `false` where it is used, `true` where it is refused, `undefined` where there is none. */
  const refused = (program: string, flags: readonly string[]): string =>
    node(folder, [
      ...flags,
      '-p',
      `require('./start.js').scriptOf('${program}').cachedDataRejected`,
    ]).stdout.trim();
  const code = (): string => join(folder, 'courier.code');

  const { command = [] } = courierContainer(POD_SETTINGS, { uid: 65_000, program: 'trial' });
  const courierFlags = command.filter((word) => word.startsWith('--'));

  it('start from their code, with the flags that Pods give to Node', () => {
    expect(courierFlags).not.to.deep.equal([]);
    expect([refused('courier', courierFlags), refused('operator', V8_FLAGS)]).to.deep.equal([
      'false',
      'false',
    ]);
    expect(statSync(code()).size).to.be.greaterThan(100_000);
  });

  it('end with a sentence where settings are missing', () => {
    const courier = node(folder, ['courier.js']);
    expect([courier.status, courier.stderr]).to.deep.equal([1, USAGE]);
    const operator = node(folder, ['operator.js']);
    expect(operator.status).to.equal(1);
    expect(operator.stderr).to.match(/^sb-operator: .*SB_BROKER_URL: missing; set it/s);
  });

  const harm: [what: string, said: string, harm: () => void][] = [
    ['missing', 'undefined', () => rmSync(code())],
    ['empty', 'true', () => truncateSync(code())],
    ['cut off', 'true', () => truncateSync(code(), statSync(code()).size / 2)],
    ['that of another program', 'true', () => cpSync(join(folder, 'operator.code'), code())],
    ['of another version of V8', 'true', () => changeVersion()],
  ];
  // V8's own header: a magic number, then a hash of its version.
  const changeVersion = (): void => {
    const bytes = readFileSync(code());
    bytes.writeUInt32LE(~bytes.readUInt32LE(4) >>> 0, 4);
    writeFileSync(code(), bytes);
  };
  for (const [what, said, harmIt] of harm)
    it(`start without their code where it is ${what}`, () => {
      harmIt();
      expect(refused('courier', courierFlags)).to.equal(said);
      expect(node(folder, ['courier.js']).stderr).to.equal(USAGE);
    });
});
