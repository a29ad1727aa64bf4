import { expect } from 'chai';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { configMap, recordingLog, until } from '../../../test/support/kube.ts';
import { ObjectCache } from '../cache/cache.ts';
import { ApiError, TerminalError } from '../errors.ts';
import { ConfigMap } from '../kinds.ts';
import { createMetrics, type Metrics } from '../metrics.ts';
import type { Reconcile } from '../types.ts';
import { createController, type Controller, type ControllerOptions } from './controller.ts';
import { inWorkOf } from './in-work.ts';
import { OwnWrites } from './own-writes.ts';
import { currentReconciliation } from './reconciliation.ts';

const key = { namespace: 'default', name: 'a' };

describe('controller', () => {
  let clock: ManualClock;
  let log: ReturnType<typeof recordingLog>;
  let metrics: Metrics;
  let controller: Controller;
  const start = (reconcile: Reconcile, options: Partial<ControllerOptions> = {}): Controller => {
    controller = createController({ name: 'test', reconcile, clock, log, metrics, ...options });
    return controller;
  };
  const metric = async (name: string): Promise<string> => {
    const text = await metrics.registry.metrics();
    return text.split('\n').find((line) => line.startsWith(name)) ?? '';
  };
  beforeEach(() => {
    clock = new ManualClock();
    log = recordingLog();
    metrics = createMetrics(new Registry());
  });
  afterEach(() => controller.stop(0));

  it('passes namespace and name to the reconcile', async () => {
    const seen: object[] = [];
    start(async (at) => void seen.push(at)).enqueue(key);
    controller.enqueue({ namespace: '', name: 'cluster-wide' });
    await clock.advance(1);
    expect(seen).to.deep.equal([key, { namespace: '', name: 'cluster-wide' }]);
  });

  for (const status of [0, 409, 429, 503])
    it(`tries again within 20 s what the API server refused for an hour (status ${status})`, async () => {
      let refuses = true;
      let runs = 0;
      const reconcile: Reconcile = async () => {
        runs += 1;
        const cause = new ApiError({ status, reason: '', message: 'not now' });
        if (refuses) throw new Error('the Job was not made', { cause });
        return undefined;
      };
      start(reconcile).enqueue(key);
      await clock.advance(3_600_000);
      refuses = false;
      const before = runs;
      await clock.advance(20_000);
      expect(runs).to.equal(before + 1);
    });

  it('never works on one key twice at once, and on others beside it', async () => {
    const working = new Map<string, number>();
    let most = 0;
    let runs = 0;
    const reconcile: Reconcile = async ({ name }) => {
      working.set(name, (working.get(name) ?? 0) + 1);
      expect(working.get(name)).to.equal(1);
      most = Math.max(
        most,
        [...working.values()].reduce((a, b) => a + b, 0),
      );
      await new Promise((resolve) => setImmediate(resolve));
      working.set(name, 0);
      runs += 1;
      return undefined;
    };
    start(reconcile, { concurrency: 3 });
    for (let i = 0; i < 30; i++) {
      controller.enqueue({ namespace: 'default', name: `o${i % 4}` });
      if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until('all ran', () => runs >= 4);
    expect(most).to.equal(3);
  });

  it('catches what a reconcile throws, counts it and tries that key again with backoff (fault 14)', async () => {
    let runs = 0;
    const reconcile: Reconcile = async () => {
      runs += 1;
      if (runs === 1) throw new Error('first');
      // Not an Error at all.
      if (runs === 2) throw 'second'; // oxlint-disable-line no-throw-literal, typescript/only-throw-error
      return undefined;
    };
    start(reconcile).enqueue(key);
    await clock.advance(1);
    expect(runs).to.equal(1);
    await clock.advance(15);
    expect(runs).to.equal(3);
    expect(await metric('controller_runtime_reconcile_errors_total')).to.match(/ 2$/);
    expect(await metric('controller_runtime_reconcile_panics_total')).to.match(/ 1$/);
    expect(log.lines.map(({ message }) => message)).to.include('reconcile failed, will be retried');
  });

  it('catches a reconcile that throws before its first await (fault 14)', async () => {
    const reconcile = (() => {
      throw new TypeError('bug');
    }) as unknown as Reconcile;
    start(reconcile).enqueue(key);
    await clock.advance(1);
    expect(await metric('controller_runtime_reconcile_panics_total')).to.match(/ 1$/);
  });

  it('frees the worker of a reconcile that never settles, and refuses its later writes (fault 15)', async () => {
    const aborted: boolean[] = [];
    const reconcile: Reconcile = ({ name }, signal) => {
      if (name !== 'a') return Promise.resolve(undefined);
      signal.addEventListener('abort', () => aborted.push(currentReconciliation()?.signal.aborted ?? false));
      return new Promise(() => undefined);
    };
    start(reconcile, { reconcileTimeoutMs: 1000 }).enqueue(key);
    controller.enqueue({ namespace: 'default', name: 'b' });
    await clock.advance(999);
    expect(aborted).to.have.length(0);
    await clock.advance(2);
    expect(aborted).to.have.length(1);
    expect(await metric('controller_runtime_reconcile_timeouts_total')).to.match(/ 1$/);
    expect(await metric('controller_runtime_reconcile_total{controller="test",result="success"}')).to.match(
      / 1$/,
    );
  });

  it('does not repeat a terminal failure (fault 13)', async () => {
    let runs = 0;
    const reconcile: Reconcile = async () => {
      runs += 1;
      throw new TerminalError('poisoned');
    };
    start(reconcile).enqueue(key);
    await clock.advance(1e7);
    expect(runs).to.equal(1);
    expect(await metric('controller_runtime_terminal_reconcile_errors_total')).to.match(/ 1$/);
  });

  it('repeats a conflict without an error line (fault 9)', async () => {
    let runs = 0;
    const reconcile: Reconcile = async () => {
      if (++runs === 1) throw new ApiError({ status: 409, reason: 'Conflict', message: 'changed' });
      return undefined;
    };
    start(reconcile).enqueue(key);
    await clock.advance(10);
    expect(runs).to.equal(2);
    expect(log.lines.map(({ level }) => level)).to.deep.equal(['debug']);
  });

  it('looks again when the result says so', async () => {
    let runs = 0;
    start(async () => ({ requeueAfterMs: ++runs * 500 })).enqueue(key);
    await clock.advance(499);
    expect(runs).to.equal(1);
    await clock.advance(1);
    expect(runs).to.equal(2);
    await clock.advance(1000);
    expect(runs).to.equal(3);
  });

  it('leaves the event loop to others while reconciles have nothing to wait for (fault 16)', async () => {
    let runs = 0;
    const reconcile: Reconcile = async () => {
      runs += 1;
      return { requeueAfterMs: 0 };
    };
    start(reconcile, { concurrency: 4 }).enqueue(key);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(runs).to.be.above(5);
  });

  it('holds a key until the cache shows what it wrote itself (fault 23)', async () => {
    const cache = new ObjectCache(ConfigMap);
    cache.finishList(new Set(), '10');
    const ownWrites = new OwnWrites({ clock, cachesOf: () => [cache] });
    const versions: (string | undefined)[] = [];
    const written = configMap('a');
    written.metadata.resourceVersion = '11';
    const reconcile: Reconcile = async () => {
      versions.push(cache.version);
      if (versions.length === 1) currentReconciliation()?.wrote(ConfigMap, written);
      return undefined;
    };
    start(reconcile, { ownWrites }).enqueue(key);
    await clock.advance(1);
    controller.enqueue(key);
    await clock.advance(500);
    expect(versions).to.deep.equal(['10']);
    cache.update(written);
    cache.advance('11');
    controller.enqueue(key);
    await clock.advance(1);
    expect(versions).to.deep.equal(['10', '11']);
  });

  it('goes on after 10 s when the cache never shows its write (fault 23)', async () => {
    const cache = new ObjectCache(ConfigMap);
    cache.finishList(new Set(), '10');
    const ownWrites = new OwnWrites({ clock, cachesOf: () => [cache] });
    let runs = 0;
    const reconcile: Reconcile = async () => {
      const written = configMap('a');
      written.metadata.resourceVersion = '11';
      if (++runs === 1) currentReconciliation()?.wrote(ConfigMap, written);
      return undefined;
    };
    start(reconcile, { ownWrites }).enqueue(key);
    await clock.advance(1);
    controller.enqueue(key);
    await clock.advance(9900);
    expect(runs).to.equal(1);
    await clock.advance(200);
    expect(runs).to.equal(2);
  });

  describe('after a process that died', () => {
    let folder: string;
    beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'in-work-'))));
    afterEach(() => rmSync(folder, { recursive: true }));

    const named = (name: string) => ({ namespace: 'default', name });

    /** A process that works on these keys, and dies while it works on `poison`. Resolves to the keys in their order. */
    async function life(keys: string[], afterMs = 1001): Promise<string[]> {
      const seen: string[] = [];
      const reconcile: Reconcile = ({ name }) => {
        seen.push(name);
        return name === 'poison' ? new Promise(() => undefined) : Promise.resolve(undefined);
      };
      const inWork = inWorkOf(folder, log)('test');
      const options = { name: 'test', reconcile, clock, log, metrics: createMetrics(new Registry()), inWork };
      const mortal = createController(options);
      for (const name of keys) mortal.enqueue(named(name));
      await clock.advance(afterMs);
      const left = readdirSync(folder).map((file) => [file, readFileSync(join(folder, file))] as const);
      const stopped = mortal.stop(0);
      await clock.advance(1);
      await stopped;
      // A process that is killed does not tidy up.
      for (const [file, deaths] of left) writeFileSync(join(folder, file), deaths);
      return seen;
    }

    it('works last on what that was working on, even when news of it come', async () => {
      expect(await life(['poison', 'a', 'b'])).to.deep.equal(['poison']);
      expect(await life(['poison', 'a', 'b', 'poison'])).to.deep.equal(['a', 'b', 'poison']);
    });

    it('lets it wait longer after each further death', async () => {
      for (let deaths = 0; deaths < 2; deaths++) await life(['poison']);
      expect(await life(['poison', 'a'], 29_000)).to.deep.equal(['a']);
      expect(await life(['poison', 'a'], 31_000)).to.deep.equal(['a', 'poison']);
      expect(await life(['poison', 'a'], 59_000)).to.deep.equal(['a']);
    });

    it('forgets a key that goes well or fails without killing anybody', async () => {
      const inWork = inWorkOf(folder, log)('test');
      const names = ['goes-well', 'fails'];
      start(
        async ({ name }) => {
          if (name === 'fails') throw new Error('no');
          return undefined;
        },
        { inWork },
      );
      for (const name of names) controller.enqueue(named(name));
      await clock.advance(1);
      await controller.stop(0);
      const next = inWorkOf(folder, log)('test');
      expect(names.map((name) => next.deaths(`default/${name}`))).to.deep.equal([0, 0]);
    });

    it('knows of many keys of several controllers which of them were in work, and has no place for others', () => {
      const [of, keys] = [
        inWorkOf(folder, log),
        Array.from({ length: 100 }, (_, number) => `default/k${number}`),
      ];
      for (const one of keys) for (const name of ['one', 'other']) of(name).begin(one);
      for (const one of keys.slice(10)) of('one').end(one);
      for (const one of keys.slice(0, 90)) of('other').end(one);
      for (const one of ['default/later', `default/${'x'.repeat(600)}`]) of('one').begin(one);
      const deaths = (next: ReturnType<typeof inWorkOf>, name: string) =>
        [...keys, 'default/later'].filter((one) => next(name).deaths(one) > 0);
      const next = inWorkOf(folder, log);
      expect(deaths(next, 'one')).to.deep.equal([...keys.slice(0, 10), 'default/later']);
      expect(deaths(next, 'other')).to.deep.equal(keys.slice(90));
      next('one').begin('default/k3');
      next('one').end('default/k4');
      const last = inWorkOf(folder, log)('one');
      expect(['k3', 'k4', 'k5'].map((name) => last.deaths(`default/${name}`))).to.deep.equal([2, 0, 1]);
    });

    it('takes nothing for a note that is none', () => {
      writeFileSync(join(folder, 'in-work'), `${'1 one default/a'.padEnd(512)}no note${'x'.repeat(3000)}`);
      const next = inWorkOf(folder, log)('one');
      next.begin('default/b');
      expect([next.deaths('default/a'), inWorkOf(folder, log)('one').deaths('default/b')]).to.deep.equal([
        2, 1,
      ]);
    });

    it('works on where nothing can be noted', async () => {
      const file = join(folder, 'file');
      writeFileSync(file, '');
      let runs = 0;
      start(async () => void (runs += 1), { inWork: inWorkOf(file, log)('test') }).enqueue(key);
      await clock.advance(1);
      expect(runs).to.equal(1);
      expect(log.lines.map(({ message }) => message)).to.include('cannot remember what is in work');
    });
  });

  it('finishes what runs when it stops, and begins nothing (fault 42)', async () => {
    const log42: string[] = [];
    const gate = Promise.withResolvers<void>();
    const reconcile: Reconcile = async ({ name }) => {
      log42.push(`begin ${name}`);
      await gate.promise;
      log42.push(`end ${name}`);
      return undefined;
    };
    start(reconcile).enqueue(key);
    controller.enqueue({ namespace: 'default', name: 'b' });
    await clock.advance(1);
    const stopped = controller.stop(30_000);
    await clock.advance(5000);
    gate.resolve();
    expect(await stopped).to.equal(true);
    expect(log42).to.deep.equal(['begin a', 'end a']);
  });

  it('ends what still runs 30 s after stop (fault 42)', async () => {
    let aborted = false;
    const reconcile: Reconcile = (_, signal) => {
      signal.addEventListener('abort', () => (aborted = true));
      return new Promise(() => undefined);
    };
    start(reconcile).enqueue(key);
    await clock.advance(1);
    const stopped = controller.stop(30_000);
    await clock.advance(29_999);
    expect(aborted).to.equal(false);
    await clock.advance(1);
    expect(await stopped).to.equal(false);
    expect(aborted).to.equal(true);
  });

  it('waits for what goes on past its deadline, and says so where that does not end', async () => {
    const gate = Promise.withResolvers<undefined>();
    start(() => gate.promise, { reconcileTimeoutMs: 1000 }).enqueue(key);
    await clock.advance(2000);
    const [first, second] = [controller.stop(1000), controller.stop(3000)];
    await clock.advance(1000);
    expect(await first).to.equal(false);
    gate.resolve(undefined);
    // The first has ended it: what it sent may be on its way.
    expect(await second).to.equal(false);
  });

  it('says that nothing is under way once what went on past its deadline has ended', async () => {
    const gate = Promise.withResolvers<undefined>();
    start(() => gate.promise, { reconcileTimeoutMs: 1000 }).enqueue(key);
    await clock.advance(2000);
    let over = false;
    const stopped = controller.stop(3000).finally(() => (over = true));
    await clock.advance(2000);
    expect(over).to.equal(false);
    gate.resolve(undefined);
    expect(await stopped).to.equal(true);
  });
});
