import type { Trial } from '../../../crds/trial.ts';
import { compareVersions } from '../../../kube/cache/versions.ts';
import { lineOf, type TrialLine } from './line.ts';
import { isEnded } from '../../../results/state.ts';
import { summarize, type RunSummary } from './summary.ts';

/** What became of one Trial object. */
interface TrialChange {
  trial: Trial;
  deleted: boolean;
}

interface Held {
  version: string | undefined;
  deleted: boolean;
  line: TrialLine;
}

/** A Trial that is deleted before its end was cancelled that way; one that had ended keeps its result. */
function lineAfter({ trial, deleted }: TrialChange): TrialLine {
  const line = lineOf(trial);
  if (!deleted || isEnded(line.state)) return line;
  return { ...line, state: 'cancelled', reason: 'Deleted', message: 'someone deleted the Trial' };
}

/**
 * What is known of a run: changes in, one line for each Trial kept. A change costs the same however many Trials there are, and changes
 * that come late, twice or in another order end in the same view: of each name the newest resourceVersion counts.
 */
export class RunView {
  readonly run: string;
  readonly #held = new Map<string, Held>();
  #expected: number;
  #ended = 0;
  #preview = new Map<string, TrialLine>();

  /** `expected`: how many Trials the run will have; 0 where that is not known. */
  constructor({ run, expected = 0 }: { run: string; expected?: number }) {
    this.run = run;
    this.#expected = expected;
  }

  /** Takes in a change. Resolves the line before and after it; undefined where it was known already, or says nothing new. */
  take(change: TrialChange): { line: TrialLine; before?: TrialLine } | undefined {
    const { namespace = '', name, resourceVersion: version } = change.trial.metadata;
    const key = `${namespace}/${name}`;
    const known = this.#held.get(key);
    if (known && !isNewer(change, known)) return undefined;
    const line = lineAfter(change);
    this.#held.set(key, { version, deleted: change.deleted, line });
    this.#ended += Number(isEnded(line.state)) - Number(known !== undefined && isEnded(known.line.state));
    return known ? { line, before: known.line } : { line };
  }

  /** Shows these lines until the Trials themselves are there; they are part of no result. None: everything is there. */
  preview(lines: readonly TrialLine[]): void {
    this.#preview = new Map(lines.map((line) => [`${line.namespace}/${line.name}`, line]));
  }

  /** Tells how many Trials the run will have, where that turns out another than planned. */
  expect(expected: number): void {
    this.#expected = expected;
  }

  get size(): number {
    return this.#held.size;
  }

  get ended(): number {
    return this.#ended;
  }

  get total(): number {
    return Math.max(this.#expected, this.#held.size);
  }

  /** True when the run has Trials and all of them, the expected ones included, have ended. */
  get over(): boolean {
    return this.total > 0 && this.#ended >= this.total;
  }

  *trials(): Generator<TrialLine> {
    for (const { line } of this.#held.values()) yield line;
    for (const [key, line] of this.#preview) if (!this.#held.has(key)) yield line;
  }

  get(name: string, namespace = ''): TrialLine | undefined {
    return this.#held.get(`${namespace}/${name}`)?.line;
  }

  summary(now: Date): RunSummary {
    const { run } = this;
    const summary = summarize(this.trials(), { run, expected: this.#expected, now: now.getTime() });
    // A row does not tell enough for it.
    return this.#preview.size > 0 ? { ...summary, passAtK: {} } : summary;
  }
}

/** A deletion is newer than the object's last version, whose number it may carry. */
function isNewer({ trial, deleted }: TrialChange, known: Held): boolean {
  const order = compareVersions(trial.metadata.resourceVersion, known.version);
  return order > 0 || (order === 0 && deleted && !known.deleted);
}
