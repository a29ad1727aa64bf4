import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import { LABEL } from '../../src/crds/names.ts';
import type { Trial } from '../../src/crds/trial.ts';
import type { Said } from '../support/cluster.ts';
import type { Front } from '../support/front.ts';
import { ensureBaseImages, s3 } from './cluster/index.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { apiServerAnswers, killApiServer, operatorIsWell } from './support/faults.ts';
import { compareCopies, filesBelow, type Copied } from './support/mirrored.ts';
import { says, startFronts, startSb, type Fronts, type RunningSb } from './support/sb.ts';
import { isTerminal } from './support/story.ts';
import { world } from './support/world.ts';

const execute = promisify(execFile);
/** How long the laptop sleeps. */
const ASLEEP_MS = 120_000;
/** Of the one large file that each Trial leaves: more than `sb` copies in one piece. */
const LARGE_BYTES = 3_000_000;
/** Whatever else is wrong with a folder: nothing in it is half, or of nobody. */
const NOTHING_HALF = { wrong: [], strange: [] };
const WHOLE: Copied = { missing: [], ...NOTHING_HALF };

describe('sb, when something fails while it runs', function () {
  this.timeout(300_000);
  let namespace = '';
  let folder = '';
  let fronts: Fronts;
  let asleep: RunningSb;
  let wakes: Promise<void>;
  /** UIDs of all Trials that were ever seen of a run. */
  const everSeen = new Map<string, Set<string>>();
  let unsubscribe = (): void => {};

  before(async () => {
    namespace = await world().makeNamespace();
    folder = await mkdtemp(join(tmpdir(), 'sb-faults-'));
    unsubscribe = world().trials.subscribe(({ object: { spec, metadata } }) => {
      if (metadata.namespace !== namespace) return;
      const run = spec.run ?? '';
      everSeen.set(run, (everSeen.get(run) ?? new Set()).add(metadata.uid ?? ''));
    });
    await Promise.all([ensureBaseImages(['debian:bookworm-slim']), operatorIsWell()]);
    fronts = await startFronts(folder, s3.endpoint);
    asleep = await begin(named('asleep'), [8, 8]);
    await says(asleep, ' running');
    asleep.child.kill('SIGSTOP');
    wakes = sleep(ASLEEP_MS);
  });
  beforeEach(() => {
    for (const front of [fronts.api, fronts.store]) front.fault = () => undefined;
  });
  after(async () => {
    asleep?.child.kill('SIGKILL');
    unsubscribe();
    await fronts?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** The store remembers the runs of other namespaces. */
  const named = (run: string): string => `${run}-${namespace}`;
  /** A folder of tasks, one for each number: seconds that its agent works. */
  async function writeTasks(name: string, seconds: readonly number[]): Promise<void> {
    for (const [index, pause] of seconds.entries()) {
      const task = join(folder, name, `task-${index}`);
      const files = {
        'task.toml': `[task]\nname = "faults/${name}-${index}"\n[environment]\ndocker_image = "debian:bookworm-slim"\ncpus = 0.05\nmemory_mb = 64\nstorage_mb = 256\n`,
        // Nobody has stored this version before.
        'instruction.md': `Leave a large file in ${namespace}.\n`,
        'solution/solve.sh': `sleep ${pause}\nhead -c ${LARGE_BYTES} /dev/urandom > /logs/agent/large.bin\n`,
        'tests/test.sh': 'echo 1 > /logs/verifier/reward.txt\n',
      };
      for (const path of ['solution', 'tests']) await mkdir(join(task, path), { recursive: true });
      for (const [path, text] of Object.entries(files)) await writeFile(join(task, path), text);
    }
  }
  const place = (config?: string) => ({ cwd: folder, namespace, ...(config !== undefined && { config }) });
  const start = (run: string, config?: string, ...more: string[]): RunningSb =>
    startSb(['cloud', 'run', '-t', run, '--run-name', run, ...more], place(config));
  async function begin(run: string, seconds: readonly number[], config?: string): Promise<RunningSb> {
    await writeTasks(run, seconds);
    return start(run, config);
  }
  const trialsOf = (run: string): Promise<Trial[]> =>
    world().kube.list(TrialKind, { namespace, labelSelector: `${LABEL.run}=${run}` });
  const ended = (run: string, count: number): Promise<void> =>
    eventuallyTrue(
      `${count} Trials of ${run} have ended`,
      async () => (await trialsOf(run)).filter(isTerminal).length === count,
      180,
    );

  /** So many Trials, never another one, and a reward for each. */
  async function haveRewards(run: string, count: number): Promise<Trial[]> {
    const trials = await trialsOf(run);
    expect(trials.map(({ status }) => status?.reward)).to.deep.equal(Array.from({ length: count }, () => 1));
    const uids = new Set(trials.map(({ metadata }) => metadata.uid));
    const seen = (): Set<string> => everSeen.get(run) ?? new Set();
    // After a fault the watch comes back with a backoff of up to 30 s.
    await eventuallyTrue(`the watch has seen ${run}`, () => [...uids].every((uid) => seen().has(uid ?? '')));
    expect([...seen()].filter((uid) => !uids.has(uid))).to.deep.equal([]);
    return trials;
  }
  /** `sb` ended well, all Trials have their reward, and all their files are here. */
  async function isWhole(run: string, count: number, { code, stderr }: Said): Promise<void> {
    expect(code, stderr).to.equal(0);
    expect(await compareCopies(join(folder, 'jobs', run), await haveRewards(run, count))).to.deep.equal(
      WHOLE,
    );
  }

  it('may be killed at any moment: the same command goes on, creates nothing twice and leaves nothing half', async () => {
    const run = named('killed');
    const count = 3;
    await writeTasks(run, [4, 4, 4]);
    const { api, store, config } = fronts;
    const killed = async (sb: RunningSb): Promise<void> => {
      sb.child.kill('SIGKILL');
      expect((await sb.end).code, 'it had ended before').to.equal(-1);
      for (const front of [api, store]) front.fault = () => undefined;
    };
    /** Kills it when it sends the request so many times: that one is carried out, and nobody hears of it. */
    const killedAt = async (front: Front, request: RegExp, times = 1): Promise<void> => {
      const sb = start(run, config);
      const sent = Promise.withResolvers<void>();
      front.fault = (line) => {
        if (!request.test(line) || --times > 0) return undefined;
        sent.resolve();
        return 'lose';
      };
      await Promise.race([sent.promise, sb.end]);
      await killed(sb);
    };
    const neverWhole: Front['fault'] = (line) => (line.endsWith('/large.bin') ? 'slow' : undefined);
    await killedAt(store, /^PUT .*\/task\.zip$/);
    await killedAt(store, /^PUT .*\/metadata\.json$/, 2);
    await killedAt(api, /^PATCH .*\/trials\//, 2);
    store.fault = neverWhole;
    const following = start(run, config);
    await says(following, 'Trials: ');
    await killed(following);
    await ended(run, count);
    const mirroring = start(run, config);
    store.fault = neverWhole;
    const partial = join(folder, 'jobs', run, '.partial');
    await eventuallyTrue('a file is half there', async () => (await filesBelow(partial)).length > 0);
    await killed(mirroring);
    const { wrong } = await compareCopies(join(folder, 'jobs', run), await trialsOf(run));
    expect(wrong).to.deep.equal([]);
    await isWhole(run, count, await start(run, config).end);
  });

  it('goes on when its connection to the API server breaks while it submits, and while it follows', async () => {
    const run = named('cut');
    const { api, config } = fronts;
    let patches = 0;
    const cut = Promise.withResolvers<void>();
    api.fault = (line) => {
      if (!/^PATCH .*\/trials\//.test(line) || ++patches !== 2) return undefined;
      cut.resolve();
      return 'lose';
    };
    const sb = await begin(run, [8, 8, 8], config);
    await Promise.race([cut.promise, sb.end]);
    await api.shut();
    await says(sb, 'the API server does not answer, trying again');
    await api.open();
    await says(sb, ' running');
    await api.shut();
    await ended(run, 3);
    await api.open();
    await isWhole(run, 3, await sb.end);
  });

  it('goes on when the store refuses while it uploads, and while it copies', async () => {
    const run = named('refused');
    const { store, config } = fronts;
    store.fault = (line) => (line.startsWith('PUT') ? 'refuse' : undefined);
    const sb = await begin(run, [4, 4], config);
    await says(sb, 'the store does not answer, trying again');
    store.fault = () => undefined;
    await says(sb, ' running');
    await store.shut();
    await ended(run, 2);
    await sleep(3000);
    await store.open();
    await isWhole(run, 2, await sb.end);
  });

  it('says which disk is full and what to do; the run goes on, and its files can be had when there is room', async function () {
    const run = named('full');
    const disk = join(folder, 'disk');
    await mkdir(disk);
    try {
      await execute('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    } catch (error) {
      process.stdout.write(`      no small disk can be mounted here: ${(error as Error).message}\n`);
      this.skip();
    }
    try {
      await writeTasks(run, [0, 6]);
      const { code, stderr } = await start(run, undefined, '--jobs-dir', disk).end;
      expect(code, stderr).to.equal(3);
      expect(stderr).to.include(`the disk of ${join(disk, run)} is full: ENOSPC`);
      expect(stderr).to.include(`df -h ${disk}`);
      const [, download = ''] = /^ +sb (run download .*)$/m.exec(stderr) ?? [];
      expect(download).to.equal(`run download -n ${namespace} ${run} --jobs-dir ${disk}`);
      const trials = await haveRewards(run, 2);
      expect(await compareCopies(join(disk, run), trials)).to.deep.include(NOTHING_HALF);
      await execute('mount', ['-o', 'remount,size=64m', disk]);
      // startSb names the namespace itself.
      const again = await startSb(download.replace(` -n ${namespace}`, '').split(' '), place()).end;
      expect(again.code, again.stderr).to.equal(0);
      expect(await compareCopies(join(disk, run), trials)).to.deep.equal(WHOLE);
    } finally {
      await execute('umount', [disk]);
    }
  });

  it('goes on when the API server restarts while it submits, and while it follows', async () => {
    const { api, config } = fronts;
    const [first, second] = [named('restart-followed'), named('restart-submitted')];
    const following = await begin(first, [15, 15]);
    await says(following, ' running');
    let down: Promise<void> | undefined;
    api.fault = async (line) => {
      // The first Trial that it creates waits until there is nobody to create it.
      if (/^PATCH .*\/trials\//.test(line)) await (down ??= killApiServer());
      return undefined;
    };
    const submitting = await begin(second, [1, 1, 1], config);
    const [followed, submitted] = await Promise.all([following.end, submitting.end]);
    await apiServerAnswers();
    expect(down, 'the API server was killed').to.be.instanceOf(Promise);
    await isWhole(first, 2, followed);
    await isWhole(second, 3, submitted);
    expect(submitted.stderr).to.include('the API server does not answer, trying again');
    await operatorIsWell();
  });

  it('sleeps two minutes with its laptop, and takes up what happened meanwhile', async () => {
    await wakes;
    const run = named('asleep');
    await ended(run, 2);
    asleep.child.kill('SIGCONT');
    await isWhole(run, 2, await asleep.end);
  });
});
