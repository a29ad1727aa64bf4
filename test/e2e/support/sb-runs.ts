/** Runs by `sb` to which something happens, and what must have come of them all the same. */
import { expect } from 'chai';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import { LABEL } from '../../../src/crds/names.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import type { Said } from '../../support/cluster.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { ensureBaseImages, s3 } from '../cluster/index.ts';
import { compareCopies, type Copied } from './mirrored.ts';
import { startFronts, startSb, type Fronts, type RunningSb, type SbPlace } from './sb.ts';
import { isTerminal } from './story.ts';
import { world } from './world.ts';

/** Of the one large file that each Trial leaves: more than `sb` copies in one piece. */
const LARGE_BYTES = 3_000_000;
/** Whatever else is wrong with a folder: nothing in it is half, or of nobody. */
export const NOTHING_HALF = { wrong: [], strange: [] };
export const WHOLE: Copied = { missing: [], ...NOTHING_HALF };

export class SbRuns {
  readonly namespace: string;
  /** Where `sb` runs; `jobs/` below it has the copies. */
  readonly folder: string;
  readonly fronts: Fronts;
  /** UIDs of all Trials that were ever seen of a run. */
  readonly #everSeen = new Map<string, Set<string>>();
  readonly #unsubscribe: () => void;

  private constructor(place: Pick<SbRuns, 'namespace' | 'folder' | 'fronts'>) {
    ({ namespace: this.namespace, folder: this.folder, fronts: this.fronts } = place);
    this.#unsubscribe = world().trials.subscribe(({ object: { spec, metadata } }) => {
      if (metadata.namespace !== this.namespace) return;
      const run = spec.run ?? '';
      this.#everSeen.set(run, (this.#everSeen.get(run) ?? new Set()).add(metadata.uid ?? ''));
    });
  }

  /** In a namespace and a folder of their own. */
  static async open(): Promise<SbRuns> {
    const namespace = await world().makeNamespace();
    const folder = await mkdtemp(join(tmpdir(), 'sb-faults-'));
    await ensureBaseImages(['debian:bookworm-slim']);
    return new SbRuns({ namespace, folder, fronts: await startFronts(folder, s3.endpoint) });
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await this.fronts.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Both fronts let everything through again. */
  healFronts(): void {
    for (const front of [this.fronts.api, this.fronts.store]) front.fault = () => undefined;
  }

  /** The store remembers the runs of other namespaces. */
  named(run: string): string {
    return `${run}-${this.namespace}`;
  }

  place(config?: string): SbPlace {
    return { cwd: this.folder, namespace: this.namespace, ...(config !== undefined && { config }) };
  }

  jobOf(run: string): string {
    return join(this.folder, 'jobs', run);
  }

  /** A folder of tasks, one for each number: seconds that its agent works. */
  async writeTasks(name: string, seconds: readonly number[]): Promise<void> {
    for (const [index, pause] of seconds.entries()) {
      const task = join(this.folder, name, `task-${index}`);
      const files = {
        'task.toml': `[task]\nname = "faults/${name}-${index}"\n[environment]\ndocker_image = "debian:bookworm-slim"\ncpus = 0.05\nmemory_mb = 64\nstorage_mb = 256\n`,
        // Nobody has stored this version before.
        'instruction.md': `Leave a large file in ${this.namespace}.\n`,
        'solution/solve.sh': `sleep ${pause}\nhead -c ${LARGE_BYTES} /dev/urandom > /logs/agent/large.bin\n`,
        'tests/test.sh': 'echo 1 > /logs/verifier/reward.txt\n',
      };
      for (const path of ['solution', 'tests']) await mkdir(join(task, path), { recursive: true });
      for (const [path, text] of Object.entries(files)) await writeFile(join(task, path), text);
    }
  }

  start(run: string, config?: string, ...more: string[]): RunningSb {
    return startSb(['cloud', 'run', '-t', run, '--run-name', run, ...more], this.place(config));
  }

  async begin(run: string, seconds: readonly number[], config?: string): Promise<RunningSb> {
    await this.writeTasks(run, seconds);
    return this.start(run, config);
  }

  trialsOf(run: string): Promise<Trial[]> {
    return world().kube.list(TrialKind, {
      namespace: this.namespace,
      labelSelector: `${LABEL.run}=${run}`,
    });
  }

  ended(run: string, count: number): Promise<void> {
    return eventuallyTrue(
      `${count} Trials of ${run} have ended`,
      async () => (await this.trialsOf(run)).filter(isTerminal).length === count,
      180,
    );
  }

  /** So many Trials, never another one, and a reward for each. */
  async haveRewards(run: string, count: number): Promise<Trial[]> {
    const trials = await this.trialsOf(run);
    expect(trials.map(({ status }) => status?.reward)).to.deep.equal(Array.from({ length: count }, () => 1));
    const uids = new Set(trials.map(({ metadata }) => metadata.uid));
    const seen = (): Set<string> => this.#everSeen.get(run) ?? new Set();
    // After a fault the watch comes back with a backoff of up to 30 s.
    await eventuallyTrue(`the watch has seen ${run}`, () => [...uids].every((uid) => seen().has(uid ?? '')));
    expect([...seen()].filter((uid) => !uids.has(uid))).to.deep.equal([]);
    return trials;
  }

  /** `sb` ended well, all Trials have their reward, and all their files are here. */
  async isWhole(run: string, count: number, { code, stderr }: Said): Promise<void> {
    expect(code, stderr).to.equal(0);
    expect(await compareCopies(this.jobOf(run), await this.haveRewards(run, count))).to.deep.equal(WHOLE);
  }
}
