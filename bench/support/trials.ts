/** Trials that measurements run, and when what happened to them, by a watch of our own: timestamps of the API have whole seconds. */
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import { API_VERSION, LABEL } from '../../src/crds/names.ts';
import { conditionOf } from '../../src/crds/conditions.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { ConfigMap, type Pod } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/types.ts';
import { eventuallyTrue } from '../../test/support/eventually.ts';
import { SMALL } from '../../test/e2e/support/story.ts';
import { taskConfigMap } from '../../test/e2e/support/task.ts';
import type { World } from '../../test/e2e/support/world.ts';

/** In a node's registry mirror, and on the nodes after the first Pod. */
export const IMAGE = 'debian:bookworm-slim';

export const SOLUTION = 'echo solved > /tmp/answer';
export const TESTS = 'grep -q solved /tmp/answer && echo 1 > /logs/verifier/reward.txt';

/** Milliseconds of this process's clock. */
export interface Marks {
  created?: number;
  job?: number;
  running?: number;
  /** The container that reports the result has ended: the courier, in a Pod without one the task. */
  podEnded?: number;
  terminal?: number;
  /** Changes of the Trial that the watch has told of, its creation aside. */
  changes?: number;
}

/** The Trial that a Job or Pod belongs to, else the Job that a Pod belongs to. */
const ownerOf = ({ metadata }: KubeObject): string =>
  metadata.labels?.[LABEL.trial] ?? metadata.labels?.['batch.kubernetes.io/job-name'] ?? '';

export const isTerminal = (trial: Trial): boolean =>
  ['True', 'False'].includes(conditionOf(trial, 'Succeeded')?.status ?? 'Unknown');

const hasEnded = ({ status }: Pod): boolean => {
  const [reports] = status?.initContainerStatuses ?? status?.containerStatuses ?? [];
  return reports?.state?.terminated !== undefined;
};

/** Notes when each Trial of a world came to each mark first; `stop` ends it. */
export function stopwatch({ trials, jobs, pods, namespace }: World): {
  marks: Map<string, Marks>;
  stop: () => void;
} {
  const marks = new Map<string, Marks>();
  const of = (object: KubeObject): Marks => {
    // What is watched of other namespaces is not ours; one that is going may hold the same names.
    if (object.metadata.namespace !== namespace) return {};
    const name = object.kind === 'Trial' ? object.metadata.name : ownerOf(object);
    const found = marks.get(name) ?? {};
    marks.set(name, found);
    return found;
  };
  const mark = (object: KubeObject, what: Exclude<keyof Marks, 'changes'>): void => {
    of(object)[what] ??= performance.now();
  };
  const ends = [
    trials.subscribe(({ type, object }) => {
      mark(object, 'created');
      if (isTerminal(object)) mark(object, 'terminal');
      if (type === 'modified') of(object).changes = (of(object).changes ?? 0) + 1;
    }),
    jobs.subscribe(({ object }) => mark(object, 'job')),
    pods.subscribe(({ object }) => {
      if (object.status?.phase === 'Running') mark(object, 'running');
      if (hasEnded(object)) mark(object, 'podEnded');
    }),
  ];
  return { marks, stop: () => ends.forEach((end) => end()) };
}

/** Milliseconds between two marks of every Trial that has both. */
export const between = (marks: Iterable<Marks>, from: keyof Marks, to: keyof Marks): number[] =>
  [...marks].flatMap((found) => {
    const [start, end] = [found[from], found[to]];
    return start === undefined || end === undefined ? [] : [end - start];
  });

/** The ConfigMap that every Trial here takes its task from. */
export async function makeTask({ kube, namespace }: World): Promise<void> {
  const key = { namespace, name: 'bench-task' };
  if (await kube.get(ConfigMap, key)) return;
  await kube.create(ConfigMap, taskConfigMap(key, { solution: SOLUTION, tests: TESTS }));
}

export function createTrial({ kube, namespace }: World, name: string, spec: object = {}): Promise<Trial> {
  const manifest = {
    apiVersion: API_VERSION,
    kind: 'Trial',
    metadata: { namespace, name },
    spec: {
      run: 'bench',
      task: { name: 'bench/task', configMap: { name: 'bench-task' } },
      environment: { image: IMAGE, resources: SMALL },
      ...spec,
    },
  };
  return kube.create(TrialKind, manifest as unknown as Trial);
}

/** Waits until every Trial of these names has ended; throws where one ended without a reward, unless `expected` is another reason. */
export async function allEnd(
  { trials, namespace }: World,
  names: string[],
  expected = 'RewardObtained',
): Promise<void> {
  const ended = (name: string): boolean => {
    const trial = trials.get({ namespace, name });
    return trial !== undefined && isTerminal(trial);
  };
  await eventuallyTrue(`${names.length} Trials ended`, () => names.every(ended), 900);
  const wrong = names
    .map((name) => trials.get({ namespace, name }))
    .filter((trial) => trial && conditionOf(trial, 'Succeeded')?.reason !== expected);
  const [first] = wrong;
  if (first)
    throw new Error(
      `${wrong.length} Trials did not end ${expected}: ${JSON.stringify(conditionOf(first, 'Succeeded'))}`,
    );
}
