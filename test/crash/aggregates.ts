/** What must hold of indexes and aggregates once a world is at rest: every Trial that ever ended is in them, once; but for those that took over an outcome, which is in them already. */
import { setTimeout as wait } from 'node:timers/promises';
import { ADHOC_RUN, identityOf, trialName } from '../../src/crds/names.ts';
import type { Trial } from '../../src/crds/trial.ts';
import type { ArtifactStore } from '../../src/providers/artifact-store/port.ts';
import type { JobResult } from '../../src/results/job-result.ts';
import { jobResultKey, taskEntryKey } from '../../src/results/keys.ts';
import { findJob, recordsOfShard } from '../../src/results/read-index.ts';
import { recordOf, type TrialRecord } from '../../src/results/record.ts';

/** A Trial as it ended. */
export type Ended = ReadonlyMap<string, Trial>;

interface RunName {
  namespace: string;
  run: string;
}

/** What a run has in the bucket. */
export interface StoredAggregates {
  job: string;
  records: TrialRecord[];
  result: JobResult | undefined;
}

/** Index and aggregate of a run; undefined where it has none. */
export async function aggregatesOf(
  artifacts: ArtifactStore,
  run: RunName,
): Promise<StoredAggregates | undefined> {
  const { job, manifest } = await findJob(artifacts, run);
  if (!manifest) return undefined;
  const shards = await Promise.all(manifest.shards.map((shard) => recordsOfShard(artifacts, job, shard)));
  const contents = await artifacts.get(jobResultKey(job), 1e9);
  const result = contents && (JSON.parse(Buffer.from(contents).toString()) as JobResult);
  return { job, records: shards.flat(), result };
}

/** Waits until nothing is wrong, or for as long as the operator may take; resolves to what is. */
export async function aggregateBreaches(
  artifacts: ArtifactStore,
  ended: Ended,
  limitMs = 30_000,
): Promise<string[]> {
  const until = performance.now() + limitMs;
  for (;;) {
    const found = await wrong(artifacts, ended);
    if (found.length === 0 || performance.now() > until) return found;
    await wait(10);
  }
}

async function wrong(artifacts: ArtifactStore, ended: Ended): Promise<string[]> {
  const runs = Map.groupBy(
    [...ended.values()].filter(({ status }) => !status?.adopted),
    ({ metadata, spec }) => `${metadata.namespace}/${spec.run ?? ADHOC_RUN}`,
  );
  const found = await Promise.all([...runs].map(([name, trials]) => wrongIn(artifacts, name, trials)));
  return found.flat();
}

async function wrongIn(artifacts: ArtifactStore, name: string, trials: Trial[]): Promise<string[]> {
  const [namespace = '', run = ''] = name.split('/');
  const stored = await aggregatesOf(artifacts, { namespace, run });
  const expected = trials.map((trial) => trialName(identityOf(trial))).sort();
  if (!stored) return [`run ${name} has no index, but ${expected.length} Trials ended`];
  const { records, result } = stored;
  return [
    ...differing(
      `index of run ${name}`,
      records.map(({ trial_name }) => trial_name),
      expected,
    ),
    ...differing(`result.json of run ${name}`, namesIn(result), expected),
    ...(result?.n_total_trials === expected.length
      ? []
      : [`run ${name} has ${result?.n_total_trials} in all`]),
    ...(result?.finished_at ? [] : [`run ${name} is not finished`]),
    ...trials.flatMap((trial) => changed(records, trial)),
    ...(await missingEntries(artifacts, trials)),
  ];
}

const differing = (what: string, found: string[], expected: string[]): string[] =>
  JSON.stringify(found.toSorted()) === JSON.stringify(expected)
    ? []
    : [`the ${what} has ${found.toSorted().join()} and not ${expected.join()}`];

/** Names of Trials that the aggregate counts: with a reward, or with none and an exception. */
function namesIn(result: JobResult | undefined): string[] {
  const evals = Object.values(result?.stats.evals ?? {});
  const byKey = evals.flatMap(({ reward_stats }) =>
    Object.values(reward_stats).map((values) => Object.values(values).flat()),
  );
  const rewarded = [...new Set(byKey.flat())];
  const broken = evals.flatMap(({ exception_stats }) => Object.values(exception_stats).flat());
  const known = new Set(rewarded);
  return [...rewarded, ...broken.filter((name) => !known.has(name)), ...byKey.flatMap(twice)];
}

function twice(names: string[]): string[] {
  const seen = new Set<string>();
  return names.filter((name) => seen.size === seen.add(name).size);
}

function changed(records: TrialRecord[], trial: Trial): string[] {
  const told = recordOf(trial);
  const found = records.find(({ uid }) => uid === told?.uid);
  if (!found || JSON.stringify(found) === JSON.stringify(told)) return [];
  return [`the record of ${trial.metadata.name} is ${JSON.stringify(found)} and not ${JSON.stringify(told)}`];
}

async function missingEntries(artifacts: ArtifactStore, trials: Trial[]): Promise<string[]> {
  const records = trials.flatMap((trial) => recordOf(trial) ?? []);
  const found = await Promise.all(records.map((record) => artifacts.head(taskEntryKey(record))));
  return records.flatMap(({ trial_name }, index) =>
    found[index] ? [] : [`${trial_name} is not in the index of its task`],
  );
}
