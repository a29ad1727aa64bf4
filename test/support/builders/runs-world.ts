/** Runs in memory: Trials in a cache, a store that counts, a clock that is moved by hand, and leaders one after another. */
import { after } from './objects.ts';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { ObjectCache } from '../../../src/kube/cache/cache.ts';
import type { Result } from '../../../src/kube/types.ts';
import { memoryArtifactStore } from '../../../src/providers/artifact-store/memory.ts';
import type { ArtifactStore } from '../../../src/providers/artifact-store/port.ts';
import type { ProviderError } from '../../../src/providers/errors.ts';
import { runsController } from '../../../src/controllers/runs/controller.ts';
import { byRun, Known, runKeyOf } from '../../../src/controllers/runs/known.ts';
import { TaskRuns } from '../../../src/controllers/runs/task-runs.ts';

export interface Leader {
  known: Known;
  reconcile: (trial: Trial) => Promise<Result | undefined>;
}

export class RunsWorld {
  readonly trials = new ObjectCache<Trial>(TrialKind);
  readonly warnings: string[] = [];
  /** Keys in the order of their writes. */
  readonly puts: string[] = [];
  readonly store: ArtifactStore;
  /** What a call of the store throws instead of answering. */
  fault: (operation: string, key: string) => ProviderError | undefined = () => undefined;
  #ms = 0;
  #version = 0;

  constructor() {
    this.trials.addIndex('run', byRun);
    this.store = memoryArtifactStore({
      bucket: 'artifacts',
      fault: (operation, key) => {
        const error = this.fault(operation, key);
        if (operation === 'put' && !error) this.puts.push(key);
        return error;
      },
    });
  }

  pass(ms: number): void {
    this.#ms += ms;
  }

  /** Has Trials in the cluster, as they are now. */
  have(...trials: Trial[]): void {
    for (const trial of trials) {
      this.#version += 1;
      this.trials.put({ ...trial, metadata: { ...trial.metadata, resourceVersion: `${this.#version}` } });
    }
  }

  /** What `kubectl delete` does. */
  remove(trial: Trial): void {
    this.trials.remove({ ...trial, metadata: { ...trial.metadata, resourceVersion: '999999999' } });
  }

  /** An operator that leads from now on; it hears of deletions until the end. */
  lead(store: ArtifactStore = this.store): Leader {
    const known = new Known();
    const warn = (_fields: object, message: string): void => void this.warnings.push(message);
    known.feed(this.trials).start(() => {}, { debug: () => {}, info: () => {}, warn, error: () => {} });
    const reconcile = runsController({
      trials: this.trials,
      artifacts: store,
      known,
      taskRuns: new TaskRuns(),
      monotonic: () => this.#ms,
      now: () => after(60),
      log: { warn },
    });
    return { known, reconcile: (trial) => reconcile(runKeyOf(trial), new AbortController().signal) };
  }
}
