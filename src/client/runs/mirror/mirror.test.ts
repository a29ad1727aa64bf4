import { expect } from 'chai';
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { ArtifactStore } from '../../../providers/artifact-store/port.ts';
import { memoryArtifactStore } from '../../../providers/artifact-store/memory.ts';
import { s3ArtifactStore } from '../../../providers/artifact-store/s3.ts';
import { until } from '../../../../test/support/kube.ts';
import { startFront, type Front } from '../../../../test/support/front.ts';
import { skipWithout, type Running } from '../../../../test/support/programs.ts';
import { startVersitygw, VERSITYGW } from '../../../../test/support/versitygw.ts';
import { rewarded, RUN } from '../../../../test/support/builders/run-trials.ts';
import { startMirror, addForViewer, type MirrorReport } from './mirror.ts';
import type { ResultsProblem } from './problem.ts';
import { storeTrial, TASK_METADATA_KEY } from '../../../../test/support/client/stored-trial.ts';
import { folderOf, type Folder } from '../../../../test/support/folder.ts';

type MirrorOptions = Parameters<typeof startMirror>[0];

const BUCKET = 'artifacts';
const LARGE = Buffer.alloc(5 * 2 ** 20, 'large ');
const FILES = {
  'agent/oracle.txt': 'hello\n',
  'verifier/reward.txt': '1\n',
  'output/empty': '',
  'output/a/b/日本.bin': LARGE,
  'trial.log': 'log',
};
const execute = promisify(execFile);

/** Every file below a folder, by its path within. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .sort();
}

describe('Mirror', function () {
  let server: Running | undefined;
  let front: Front;
  let store: ArtifactStore;
  let folder: string;

  before(async function () {
    server = await startVersitygw(BUCKET);
    if (!server) skipWithout('versitygw', this);
    front = await startFront({ server: `http://${server.address}` });
    const { region, ...credentials } = VERSITYGW;
    store = s3ArtifactStore({ bucket: BUCKET, region, endpoint: front.url, credentials });
  });
  after(async () => {
    await front?.stop();
    await server?.stop();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sb-mirror-'));
    front.fault = () => undefined;
    front.requests.length = 0;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const mirrorOf = (over: Partial<MirrorOptions> = {}) =>
    startMirror({
      store,
      run: RUN,
      folder,
      now: () => new Date(),
      signal: new AbortController().signal,
      pausesMs: [50, 100],
      ...over,
    });
  const mirrored = async (
    trial: { prefix: string; trialName: string },
    over: Partial<MirrorOptions> = {},
  ): Promise<MirrorReport> => {
    const mirror = mirrorOf(over);
    mirror.add(trial);
    return mirror.finish();
  };
  /** Each test has a Trial of its own. */
  let count = 0;
  const stored = (files: Record<string, string | Uint8Array> = FILES) =>
    storeTrial(store, rewarded(1, { name: `trial-${++count}` }), files);
  const gets = (path: string): number =>
    front.requests.filter((line) => line.startsWith('GET') && line.endsWith(path)).length;
  const codes = ({ problems }: MirrorReport): string[] => problems.map(({ error }) => error.code);

  it('copies every file as it is stored, and adds a lock', async () => {
    const trial = await stored();
    const report = await mirrored(trial);
    expect(report).to.deep.include({ trials: 1, files: 9, kept: 0, problems: [] });
    const linked = ['artifacts/empty', 'artifacts/a/b/日本.bin'];
    expect(await filesBelow(folder)).to.deep.equal(
      [
        ...Object.keys(FILES),
        ...linked,
        'config.json',
        'lock.json',
        'manifest.json',
        'outcome.json',
        'result.json',
      ]
        .map((path) => `${trial.trialName}/${path}`)
        .sort(),
    );
    for (const [path, contents] of Object.entries(FILES))
      expect(
        (await readFile(join(folder, trial.trialName, path))).equals(Buffer.from(contents)),
        path,
      ).to.equal(true);
    const lock = JSON.parse(await readFile(join(folder, trial.trialName, 'lock.json'), 'utf8')) as object;
    expect(lock).to.have.nested.property('task.digest', `sha256:${'ab'.repeat(32)}`);
  });

  it('does not fetch again what is there with the right checksum', async () => {
    const trial = await stored();
    await mirrored(trial);
    front.requests.length = 0;
    expect(await mirrored(trial)).to.include({ kept: 4 });
    for (const path of ['oracle.txt', 'reward.txt', '日本.bin', 'trial.log'])
      expect(gets(path), path).to.equal(0);
  });

  it('fetches again what was cut short, changed or removed on the disk', async () => {
    const trial = await stored();
    await mirrored(trial);
    const path = (name: string): string => join(folder, trial.trialName, name);
    await truncate(path('output/a/b/日本.bin'), 1000);
    await writeFile(path('agent/oracle.txt'), 'HELLO\n');
    await rm(path('verifier'), { recursive: true });
    expect(await mirrored(trial)).to.deep.include({ kept: 1, problems: [] });
    expect(await readFile(path('agent/oracle.txt'), 'utf8')).to.equal('hello\n');
    expect((await readFile(path('output/a/b/日本.bin'))).equals(LARGE)).to.equal(true);
    expect(await readFile(path('verifier/reward.txt'), 'utf8')).to.equal('1\n');
  });

  it('goes on when a store that refused answers again', async () => {
    const trial = await stored();
    let refusals = 6;
    front.fault = () => (refusals-- > 0 ? 'refuse' : undefined);
    const problems: ResultsProblem[] = [];
    const report = await mirrored(trial, {
      pausesMs: [20, 20, 20, 20, 20, 20, 20],
      onProblem: (one) => problems.push(one),
    });
    expect(report).to.deep.include({ trials: 1, problems: [] });
    expect(problems).to.deep.equal([]);
  });

  it('gives up on a store that stays away, with its cause, and tries once more at the end', async () => {
    const trial = await stored();
    front.fault = (line) => (line.endsWith('oracle.txt') ? 'refuse' : undefined);
    const report = await mirrored(trial);
    expect(codes(report)).to.deep.equal(['SB-E010']);
    expect(gets('oracle.txt')).to.equal(6);
    expect(await filesBelow(folder)).not.to.include(`${trial.trialName}/agent/oracle.txt`);
  });

  it('neither tries again nor ends while files of the try that failed are on their way', async () => {
    const trial = await stored();
    const onTheWay = Promise.withResolvers<undefined>();
    front.fault = (line) =>
      line.endsWith('oracle.txt') ? 'refuse' : line.endsWith('日本.bin') ? onTheWay.promise : undefined;
    const ended = mirrored(trial);
    await until('both were asked for', () => gets('oracle.txt') > 0 && gets('日本.bin') > 0);
    // Several times as long as the pauses between tries.
    await sleep(500);
    expect([gets('oracle.txt'), gets('日本.bin')]).to.deep.equal([1, 1]);
    onTheWay.resolve(undefined);
    expect(codes(await ended)).to.deep.equal(['SB-E010']);
  });

  it('leaves no half file where the connection breaks, and has the whole one in the end', async () => {
    const trial = await stored();
    let cuts = 2;
    front.fault = (line) => (line.endsWith('日本.bin') && cuts-- > 0 ? 'cut' : undefined);
    const half = mirrored(trial, { pausesMs: [] });
    await until('the connection was cut', () => cuts < 2);
    await half;
    expect(await mirrored(trial)).to.deep.include({ problems: [] });
    expect((await readFile(join(folder, trial.trialName, 'output/a/b/日本.bin'))).equals(LARGE)).to.equal(
      true,
    );
    expect(await readdir(folder)).to.deep.equal([trial.trialName]);
  });

  it('leaves no half file when it is killed, and goes on afterwards', async () => {
    const trial = await stored();
    front.fault = (line) => (line.endsWith('日本.bin') ? 'slow' : undefined);
    const script = join(import.meta.dirname, '../../../../test/support/client/mirror-process.ts');
    const child = spawn(process.execPath, [script, front.url, BUCKET, trial.prefix, folder], {
      stdio: 'ignore',
    });
    const partial = join(folder, '.partial');
    while (gets('日本.bin') === 0 || (await readdir(partial).catch(() => [])).length === 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const whole = new Map<string, string | Uint8Array>(Object.entries(FILES));
    for (const path of await filesBelow(join(folder, trial.trialName))) {
      const contents = whole.get(path);
      if (contents === undefined) continue;
      expect(
        (await readFile(join(folder, trial.trialName, path))).equals(Buffer.from(contents)),
        path,
      ).to.equal(true);
    }
    front.fault = () => undefined;
    expect(await mirrored(trial)).to.deep.include({ trials: 1, problems: [] });
    expect(await readdir(folder)).to.deep.equal([trial.trialName]);
  });

  it('removes what a writer on another machine left only after a while: it may still be at work', async () => {
    const trial = await stored();
    const partial = join(folder, '.partial');
    await mkdir(partial);
    await writeFile(join(partial, `elsewhere.1.${randomUUID()}`), 'half');
    await mirrored(trial);
    expect(await readdir(partial)).to.have.length(1);
    const later = new Date(Date.now() + 3_600_000);
    await mirrored(trial, { now: () => later });
    expect(await readdir(folder)).to.deep.equal([trial.trialName]);
  });

  it('refuses a file that is not what the manifest says, and copies the others', async () => {
    const trial = await stored();
    await store.put(`${trial.prefix}agent/oracle.txt`, 'HELLO\n');
    await store.put(`${trial.prefix}trial.log`, 'longer than before');
    await store.delete(`${trial.prefix}verifier/reward.txt`);
    const report = await mirrored(trial);
    expect(codes(report)).to.deep.equal(['SB-E061', 'SB-E061', 'SB-E061']);
    expect(report.trials).to.equal(0);
    const there = await filesBelow(join(folder, trial.trialName));
    expect(there).to.include('output/a/b/日本.bin').and.include('result.json');
    for (const path of ['agent/oracle.txt', 'trial.log', 'verifier/reward.txt'])
      expect(there).not.to.include(path);
  });

  it('tells a manifest that is none, or too large, without reading on', async () => {
    const bombs = ['{"files":7}', '{"files":[[]]}', 'null', '{', ' '.repeat(24 * 2 ** 20 + 1)];
    for (const bomb of bombs) {
      const trial = await stored();
      await store.put(`${trial.prefix}manifest.json`, bomb);
      expect(codes(await mirrored(trial)), bomb.slice(0, 20)).to.deep.equal(['SB-E061']);
    }
  });

  it('makes no lock of a config or of metadata that somebody else wrote, and calls neither a problem', async () => {
    const bombs = ['null', '{', '{"name":7,"digest":{}}', '"\\u001b[2J"', ' '.repeat(2 ** 20)];
    const replaced = async (bomb: string, key: (prefix: string) => string): Promise<void> => {
      const memory = memoryArtifactStore();
      const trial = await storeTrial(memory, rewarded(1, { name: `other-${++count}` }), {
        'trial.log': 'log',
      });
      await memory.put(key(trial.prefix), bomb);
      const report = await mirrored(trial, { store: memory });
      expect(report, bomb.slice(0, 20)).to.deep.include({ trials: 1, problems: [] });
      expect(await readdir(join(folder, trial.trialName))).to.not.include('lock.json');
    };
    for (const bomb of bombs) {
      await replaced(bomb, () => TASK_METADATA_KEY);
      await replaced(bomb, (prefix) => `${prefix}config.json`);
    }
  });

  it('copies what there is of a Trial that never had a Pod', async () => {
    const prefix = `trials/${RUN}/unbuilt__1234567/`;
    await store.put(`${prefix}result.json`, '{}');
    expect(await mirrored({ prefix, trialName: 'unbuilt__1234567' })).to.deep.include({
      files: 1,
      problems: [],
    });
    expect(await filesBelow(folder)).to.deep.equal(['unbuilt__1234567/result.json']);
  });

  it('says so where the disk is full, tells it once, and copies the rest when there is room', async function () {
    const disk = await mkdtemp(join(tmpdir(), 'sb-small-disk-'));
    try {
      await execute('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).catch(() => this.skip());
      const trials = [await stored(), await stored()];
      const problems: ResultsProblem[] = [];
      const mirror = mirrorOf({ folder: disk, onProblem: (one) => problems.push(one) });
      for (const trial of trials) mirror.add(trial);
      const report = await mirror.finish();
      expect(new Set(codes(report))).to.deep.equal(new Set(['SB-E062']));
      expect(problems.map(({ error }) => error.code)).to.deep.equal(['SB-E062']);
      expect(problems[0]?.error.why).to.include(`the disk of ${disk} is full`);
      expect(problems[0]?.error.fix).to.include(`sb run download ${RUN} --jobs-dir ${dirname(disk)}`);
      expect(await filesBelow(disk)).not.to.include(`${trials[0]?.trialName}/output/a/b/日本.bin`);
      await execute('mount', ['-o', 'remount,size=64m', disk]);
      const again = mirrorOf({ folder: disk });
      for (const trial of trials) again.add(trial);
      expect(await again.finish()).to.deep.include({ trials: 2, problems: [] });
    } finally {
      await execute('umount', [disk]).catch(() => {});
      await rm(disk, { recursive: true, force: true });
    }
  });

  it('says so where a file is in the way of a folder', async () => {
    const trial = await stored();
    await mkdir(join(folder, trial.trialName));
    await writeFile(join(folder, trial.trialName, 'agent'), 'in the way');
    const report = await mirrored(trial);
    expect(codes(report)).to.deep.equal(['SB-E063']);
    expect(await filesBelow(folder)).to.include(`${trial.trialName}/verifier/reward.txt`);
  });

  it('writes nothing outside of the Trial’s folder, whatever keys are called', async () => {
    const memory = memoryArtifactStore();
    const trial = await storeTrial(memory, rewarded(1, { name: 'hostile' }), { 'agent/ok.txt': 'fine' });
    for (const path of ['../evil', 'agent/../../evil', '/etc/evil', 'agent//evil', './evil'])
      await memory.put(`${trial.prefix}${path}`, 'evil');
    const report = await mirrored(trial, { store: memory });
    expect(codes(report)).to.deep.equal(Array.from({ length: 5 }, () => 'SB-E061'));
    expect((await filesBelow(folder)).join(' ')).not.to.include('evil');
    expect(await readdir(join(folder, '..')).then((names) => names.includes('evil'))).to.equal(false);
  });

  it('stops when it is told to, without calling that a problem', async () => {
    const trial = await stored();
    const stop = new AbortController();
    front.fault = (line) => (line.endsWith('日本.bin') ? 'slow' : undefined);
    const mirror = mirrorOf({ signal: stop.signal });
    mirror.add(trial);
    await until('the large file is on its way', () => gets('日本.bin') > 0);
    stop.abort(new Error('Ctrl-C'));
    expect(await mirror.finish()).to.deep.include({ trials: 0, problems: [] });
    expect(await filesBelow(folder)).not.to.include(`${trial.trialName}/output/a/b/日本.bin`);
  });
});

describe('What Harbor’s viewer looks for', () => {
  let trial: Folder;
  const filled = async (files: Record<string, string>): Promise<void> => {
    trial = await folderOf(files);
    const copied = { root: trial.path, folder: trial.path, paths: Object.keys(files) };
    // An interrupted copy is taken up again.
    await addForViewer(copied);
    await addForViewer(copied);
  };
  afterEach(() => trial.remove());

  it('is artifacts/ where files were kept under output/', async () => {
    await filled({ 'output/app/report.txt': 'report', 'result.json': '{"exception_info": null}' });
    expect(await readFile(join(trial.path, 'artifacts/app/report.txt'), 'utf8')).to.equal('report');
    expect(await readdir(trial.path)).to.not.include('exception.txt');
  });

  it('is exception.txt where a Trial has an exception', async () => {
    const exception_info = { exception_type: 'ImageNotFound', exception_message: 'no image x' };
    await filled({ 'result.json': JSON.stringify({ exception_info }) });
    expect(await readFile(join(trial.path, 'exception.txt'), 'utf8')).to.equal('ImageNotFound: no image x\n');
    expect(await readdir(trial.path)).to.not.include('artifacts');
  });

  it('is nothing more where the result is not what the operator writes', async () => {
    for (const result of ['null', '{', '[]', '{"exception_info": "x"}', '{"exception_info": {}}']) {
      await filled({ 'result.json': result });
      expect(await readdir(trial.path), result).to.deep.equal(['result.json']);
    }
  });

  it('is nothing more where there is no result', async () => {
    await filled({ 'trial.log': '' });
    expect(await readdir(trial.path)).to.deep.equal(['trial.log']);
  });
});
