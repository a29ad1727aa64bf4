import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { LABEL } from '../../../src/crds/names.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { packContext, packTask, readTask, TaskFormatError, trialManifest } from '../../../src/tasks/index.ts';
import type { Task, TrialManifest } from '../../../src/tasks/index.ts';
import { paths, s3 } from '../cluster/index.ts';
import type { Wish } from './arguments.ts';

/** What the project's own examples have to show. */
export interface Expectation {
  text: string;
  holds(status: NonNullable<Trial['status']>): boolean;
}

export interface PackedTask {
  task: Task;
  /** `packTask`. */
  archive: Uint8Array;
  /** `packContext`; undefined for a task that names an image. */
  context?: Uint8Array;
}

export interface PlannedTrial {
  manifest: TrialManifest;
  expected?: Expectation;
}

export interface Plan {
  /** The run that all Trials belong to: `demo-20260131-142501`. */
  run: string;
  packed: PackedTask[];
  trials: PlannedTrial[];
}

/** Folders that cannot be run; the message has every problem of each of them, with file and line. */
export class BadTasks extends Error {}

/** Where the demo's objects are: one `kubectl delete namespace demo` removes them all. */
export const NAMESPACE = 'demo';
/** Dataset that the demo's tasks are stored under. */
export const DATASET = 'local';
/** Objects of past demos remove themselves after a day; their files stay in the bucket. */
const TTL_SECONDS = 86_400;

type Entry = { folder: string; agent: string; expected?: Expectation };

const reward = (value: number): Expectation => ({
  text: `the reward ${value}`,
  holds: (status) => status.reward === value,
});

const fraction: Expectation = {
  text: 'a reward between 0 and 1 and several keys',
  holds: ({ reward: value = 0, rewards = {} }) => value > 0 && value < 1 && Object.keys(rewards).length > 1,
};

const example = (name: string): string => join(paths.root, 'examples/tasks', name);

const examples: Entry[] = [
  { folder: example('hello'), agent: 'oracle', expected: reward(1) },
  { folder: example('hello'), agent: 'nop', expected: reward(0) },
  { folder: example('fraction'), agent: 'oracle', expected: fraction },
];

const entriesOf = ({ folders, agents }: Wish): Entry[] =>
  folders.length === 0 ? examples : folders.flatMap((folder) => agents.map((agent) => ({ folder, agent })));

/** Reads, checks and packs all folders, before anything is started. Throws BadTasks. */
export async function planTrials(wish: Wish, now: Date): Promise<Plan> {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const run = `demo-${stamp}`;
  const byFolder = Map.groupBy(entriesOf(wish), ({ folder }) => folder);
  const read = await allOrBad(
    [...byFolder].map(async ([folder, entries]) => {
      const packed = await readAndPack(folder);
      const trials = entries.map(({ agent, expected }): PlannedTrial => {
        const manifest = manifestFor(packed, { agent, run, stamp });
        return { manifest, ...(expected && { expected }) };
      });
      return { packed, trials };
    }),
  );
  const trials = withOwnNames(read.flatMap((one) => one.trials));
  return { run, packed: read.map(({ packed }) => packed), trials };
}

async function allOrBad<T>(work: Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work);
  const errors = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
  const surprise = errors.find((error) => !(error instanceof TaskFormatError));
  if (surprise) throw surprise;
  if (errors.length > 0) throw new BadTasks(errors.map(({ message }) => message).join('\n'));
  return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}

async function readAndPack(folder: string): Promise<PackedTask> {
  const task = await readTask(folder);
  const builds = task.config.environment.docker_image === undefined;
  const [archive, context] = await Promise.all([packTask(task), builds ? packContext(task) : undefined]);
  return { task, archive, ...(context && { context }) };
}

function manifestFor(
  { task, context }: PackedTask,
  { agent, run, stamp }: { agent: string; run: string; stamp: string },
): TrialManifest {
  const manifest = trialManifest(task, {
    bucket: s3.bucket,
    dataset: DATASET,
    namespace: NAMESPACE,
    name: `${slug(task)}-${agent}-${stamp}`,
    labels: { [LABEL.run]: run },
    run,
    agent: { name: agent },
    variables: process.env,
    ...(context && { contextSha256: createHash('sha256').update(context).digest('hex') }),
  });
  manifest.spec.ttlSecondsAfterFinished = TTL_SECONDS;
  return manifest;
}

function slug({ name }: Task): string {
  const short = name.slice(name.lastIndexOf('/') + 1).toLowerCase();
  const plain = short
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 30)
    .replace(/^-+|-+$/g, '');
  return plain || 'task';
}

/** Two folders may hold tasks of the same name. */
function withOwnNames(trials: PlannedTrial[]): PlannedTrial[] {
  const taken = new Set<string>();
  for (const [index, { manifest }] of trials.entries()) {
    if (taken.has(manifest.metadata.name)) manifest.metadata.name += `-${index + 1}`;
    taken.add(manifest.metadata.name);
  }
  return trials;
}
