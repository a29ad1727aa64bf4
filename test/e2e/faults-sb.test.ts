import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Front } from '../support/front.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { compareCopies, filesBelow } from './support/mirrored.ts';
import { NOTHING_HALF, SbRuns, WHOLE } from './support/sb-runs.ts';
import { says, startSb, type RunningSb } from './support/sb.ts';

const execute = promisify(execFile);
/** How long the laptop sleeps. */
const ASLEEP_MS = 120_000;

describe('sb, when something fails while it runs', function () {
  this.timeout(300_000);
  let runs: SbRuns;
  let asleep: RunningSb;
  let wakes: Promise<void>;

  before(async () => {
    runs = await SbRuns.open();
    asleep = await runs.begin(runs.named('asleep'), [8, 8]);
    await says(asleep, ' running');
    asleep.child.kill('SIGSTOP');
    wakes = sleep(ASLEEP_MS);
  });
  beforeEach(() => runs.healFronts());
  after(async () => {
    asleep?.child.kill('SIGKILL');
    await runs?.close();
  });

  it('may be killed at any moment: the same command goes on, creates nothing twice and leaves nothing half', async () => {
    const run = runs.named('killed');
    const count = 3;
    await runs.writeTasks(run, [4, 4, 4]);
    const { api, store, config } = runs.fronts;
    const killed = async (sb: RunningSb): Promise<void> => {
      sb.child.kill('SIGKILL');
      expect((await sb.end).code, 'it had ended before').to.equal(-1);
      runs.healFronts();
    };
    /** Kills it when it sends the request so many times: that one is carried out, and nobody hears of it. */
    const killedAt = async (front: Front, request: RegExp, times = 1): Promise<void> => {
      const sb = runs.start(run, config);
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
    const following = runs.start(run, config);
    await says(following, 'Trials: ');
    await killed(following);
    await runs.ended(run, count);
    const mirroring = runs.start(run, config);
    store.fault = neverWhole;
    const partial = join(runs.jobOf(run), '.partial');
    await eventuallyTrue('a file is half there', async () => (await filesBelow(partial)).length > 0);
    await killed(mirroring);
    const { wrong } = await compareCopies(runs.jobOf(run), await runs.trialsOf(run));
    expect(wrong).to.deep.equal([]);
    await runs.isWhole(run, count, await runs.start(run, config).end);
  });

  it('goes on when its connection to the API server breaks while it submits, and while it follows', async () => {
    const run = runs.named('cut');
    const { api, config } = runs.fronts;
    let patches = 0;
    const cut = Promise.withResolvers<void>();
    api.fault = (line) => {
      if (!/^PATCH .*\/trials\//.test(line) || ++patches !== 2) return undefined;
      cut.resolve();
      return 'lose';
    };
    const sb = await runs.begin(run, [8, 8, 8], config);
    await Promise.race([cut.promise, sb.end]);
    await api.shut();
    await says(sb, 'the API server does not answer, trying again');
    await api.open();
    await says(sb, ' running');
    await api.shut();
    await runs.ended(run, 3);
    await api.open();
    await runs.isWhole(run, 3, await sb.end);
  });

  it('goes on when the store refuses while it uploads, and while it copies', async () => {
    const run = runs.named('refused');
    const { store, config } = runs.fronts;
    store.fault = (line) => (line.startsWith('PUT') ? 'refuse' : undefined);
    const sb = await runs.begin(run, [4, 4], config);
    await says(sb, 'the store does not answer, trying again');
    store.fault = () => undefined;
    await says(sb, ' running');
    await store.shut();
    await runs.ended(run, 2);
    await sleep(3000);
    await store.open();
    await runs.isWhole(run, 2, await sb.end);
  });

  it('says which disk is full and what to do; the run goes on, and its files can be had when there is room', async function () {
    const run = runs.named('full');
    const { namespace, folder } = runs;
    const disk = join(folder, 'disk');
    await mkdir(disk);
    try {
      await execute('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    } catch (error) {
      process.stdout.write(`      no small disk can be mounted here: ${(error as Error).message}\n`);
      this.skip();
    }
    try {
      await runs.writeTasks(run, [0, 6]);
      const { code, stderr } = await runs.start(run, undefined, '--jobs-dir', disk).end;
      expect(code, stderr).to.equal(3);
      expect(stderr).to.include(`the disk of ${join(disk, run)} is full: ENOSPC`);
      expect(stderr).to.include(`df -h ${disk}`);
      const [, download = ''] = /^ +sb (run download .*)$/m.exec(stderr) ?? [];
      expect(download).to.equal(`run download -n ${namespace} ${run} --jobs-dir ${disk}`);
      const trials = await runs.haveRewards(run, 2);
      expect(await compareCopies(join(disk, run), trials)).to.deep.include(NOTHING_HALF);
      await execute('mount', ['-o', 'remount,size=64m', disk]);
      // startSb names the namespace itself.
      const again = await startSb(download.replace(` -n ${namespace}`, '').split(' '), runs.place()).end;
      expect(again.code, again.stderr).to.equal(0);
      expect(await compareCopies(join(disk, run), trials)).to.deep.equal(WHOLE);
    } finally {
      await execute('umount', [disk]);
    }
  });

  it('sleeps two minutes with its laptop, and takes up what happened meanwhile', async () => {
    await wakes;
    const run = runs.named('asleep');
    await runs.ended(run, 2);
    asleep.child.kill('SIGCONT');
    await runs.isWhole(run, 2, await asleep.end);
  });
});
