/** Pure: `indexes/tasks/<task name>/<version>/runs.json`, the newest records of a version in one object. */
import Value from 'typebox/value';
import { byText } from '../text/figures.ts';
import { Type } from '../crds/schema.ts';
import { isTrialRecord, type TrialRecord } from './record.ts';

/** As many records as `runs.json` has. */
export const TASK_RUNS = 500;
export const TASK_RUNS_MAX_BYTES = 8 * 1024 ** 2;

const TaskRuns = Type.Object({
  schema_version: Type.Literal(1),
  /** The one that ended last comes first. */
  records: Type.Array(Type.Unknown(), { maxItems: TASK_RUNS }),
});

/** As many new Trials of a version are worth a write of `runs.json`. */
export const RUNS_TOGETHER = 16;

const latestFirst = (a: TrialRecord, b: TrialRecord): number =>
  byText(b.finished_at, a.finished_at) || byText(a.trial_name, b.trial_name);

/** The document with these records in it, each Trial once. `stored`: what is there now; anything but such a document counts as none. */
export function withRuns(stored: Uint8Array | undefined, fresh: readonly TrialRecord[]): string {
  const all = [...(stored ? recordsIn(stored) : []), ...fresh];
  const byName = new Map(all.map((record) => [record.trial_name, record]));
  const records = [...byName.values()].sort(latestFirst).slice(0, TASK_RUNS);
  return `${JSON.stringify({ schema_version: 1, records })}\n`;
}

function recordsIn(contents: Uint8Array): TrialRecord[] {
  try {
    const document: unknown = JSON.parse(Buffer.from(contents).toString('utf8'));
    return Value.Check(TaskRuns, document) ? document.records.filter(isTrialRecord) : [];
  } catch {
    return [];
  }
}
