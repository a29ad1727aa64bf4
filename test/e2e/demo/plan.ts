import { join } from 'node:path';
import { LABEL } from '../../../src/crds/names.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { createBudget } from '../../../src/async/in-parallel.ts';
import { isInvalid, problemLines } from '../../../src/tasks/folder/problems.ts';
import { readFolder, type SelectedTask } from '../../../src/client/runs/select/read.ts';
import { effective } from '../../../src/client/runs/plan/effective.ts';
import type { TrialManifest } from '../../../src/client/runs/plan/types.ts';
import { resolveEnv, taskHash, taskPrefix, taskVersion } from '../../../src/tasks/index.ts';
import type { Task } from '../../../src/tasks/index.ts';
import { paths, s3 } from '../cluster/index.ts';
import type { Wish } from './arguments.ts';

/** What the project's own examples have to show. */
export interface Expectation {
  text: string;
  holds(status: NonNullable<Trial['status']>): boolean;
}

export interface PlannedTrial {
  manifest: TrialManifest;
  expected?: Expectation;
}

export interface Plan {
  /** The run that all Trials belong to: `demo-20260131-142501`. */
  run: string;
  /** Each once. */
  tasks: SelectedTask[];
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

/** Reads and checks all folders, before anything is started. Throws BadTasks. */
export async function planTrials(wish: Wish, now: Date): Promise<Plan> {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const run = `demo-${stamp}`;
  const byFolder = Map.groupBy(entriesOf(wish), ({ folder }) => folder);
  const memory = createBudget(Infinity);
  const read = await Promise.all([...byFolder.keys()].map((folder) => readFolder(folder, memory)));
  const invalid = read.filter(isInvalid);
  if (invalid.length > 0) throw new BadTasks(problemLines(invalid, process.cwd()).join('\n'));
  const tasks = read.filter((one): one is SelectedTask => !isInvalid(one));
  const trials = [...byFolder.values()].flatMap((entries, index) =>
    entries.map(({ agent, expected }): PlannedTrial => {
      const manifest = manifestFor(tasks[index]!, { agent, run, stamp });
      return { manifest, ...(expected && { expected }) };
    }),
  );
  return { run, tasks, trials: withOwnNames(trials) };
}

function manifestFor(
  selected: SelectedTask,
  { agent, run, stamp }: { agent: string; run: string; stamp: string },
): TrialManifest {
  const { task } = selected;
  const { environment, solution, verifier } = task.config;
  const version = taskVersion(taskHash(task));
  const spec = {
    task: {
      name: task.name,
      dataset: DATASET,
      version,
      s3: { uri: `s3://${s3.bucket}/${taskPrefix(DATASET, task.name, version)}` },
    },
    environment: { env: fromCaller(environment.env) },
    agent: { name: agent, env: agent === 'oracle' ? fromCaller(solution.env) : [] },
    verifier: { env: fromCaller(verifier.env) },
    run,
    ttlSecondsAfterFinished: TTL_SECONDS,
  };
  const { problems } = effective(selected, spec);
  if (problems.length > 0) throw new BadTasks(problems.map(({ message }) => message).join('\n'));
  const name = `${slug(task)}-${agent}-${stamp}`;
  return {
    apiVersion: 'sb.abundant.ai/v1alpha1',
    kind: 'Trial',
    metadata: { name, namespace: NAMESPACE, labels: { [LABEL.run]: run } },
    spec,
  };
}

/** Those variables of a task's table that have a value with this machine's. */
function fromCaller(table: Record<string, string>) {
  const { env, missing } = resolveEnv(table, process.env);
  return Object.entries(env)
    .filter(([name]) => !missing.some(({ key }) => key === name))
    .map(([name, value]) => ({ name, value }));
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
