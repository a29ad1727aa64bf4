/** How much longer than a plain Trial one takes that has no network, a separate verifier or three steps. In rounds, each shape first in turn. */
import { ConfigMap } from '../src/kube/kinds.ts';
import { SMALL } from '../test/e2e/support/story.ts';
import { taskConfigMap } from '../test/e2e/support/task.ts';
import type { World } from '../test/e2e/support/world.ts';
import { atMost, type Bench } from './support/bench.ts';
import { percentile, seconds, summary } from './support/figures.ts';
import { allEnd, createTrial, IMAGE, SOLUTION, stopwatch, TESTS } from './support/trials.ts';

const ROUNDS = 10;
const STEPS = ['one', 'two', 'three'];
const ARTIFACTS = 'artifacts = ["/tmp/answer"]\n';

const script = (lines: string): string => `#!/bin/sh\n${lines}\n`;

/** The same work in each: an agent that leaves one file, and tests that look at it. */
const TASKS = {
  'bench-one': { toml: ARTIFACTS, solution: SOLUTION, tests: TESTS },
  'bench-three': {
    toml: ARTIFACTS + STEPS.map((name) => `[[steps]]\nname = "${name}"\n`).join(''),
    files: Object.fromEntries(
      STEPS.flatMap((name) => [
        [`steps__${name}__instruction.md`, 'Do it.\n'],
        [`steps__${name}__solution__solve.sh`, script(SOLUTION)],
        [`steps__${name}__tests__test.sh`, script(TESTS)],
      ]),
    ),
  },
};

const taskOf = (name: keyof typeof TASKS): object => ({
  task: { name: `bench/${name}`, configMap: { name } },
});

const SHAPES = {
  plain: taskOf('bench-one'),
  'no network': {
    ...taskOf('bench-one'),
    environment: { image: IMAGE, resources: SMALL, network: { mode: 'None' } },
  },
  separate: { ...taskOf('bench-one'), verifier: { mode: 'Separate' } },
  'three steps': taskOf('bench-three'),
  'three steps, separate': { ...taskOf('bench-three'), verifier: { mode: 'Separate' } },
} satisfies Record<string, object>;
type Shape = keyof typeof SHAPES;
const NAMES = Object.keys(SHAPES) as Shape[];

/** At most so much longer than the plain one, in milliseconds. */
const TARGETS: Partial<Record<Shape, number>> = { 'no network': 1000, separate: 4000, 'three steps': 1000 };

async function timed(world: World, name: string, shape: Shape): Promise<number> {
  const watch = stopwatch(world);
  const began = performance.now();
  await createTrial(world, name, SHAPES[shape]);
  await allEnd(world, [name]);
  const { terminal = NaN } = watch.marks.get(name) ?? {};
  watch.stop();
  return terminal - began;
}

export const shapes: Bench = {
  needs: 'cluster',
  async run(world) {
    const { kube, namespace } = world;
    for (const [name, task] of Object.entries(TASKS))
      await kube.create(ConfigMap, taskConfigMap({ namespace, name }, task));
    await timed(world, 'warm', 'plain');
    const rounds: Record<Shape, number>[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const took: Partial<Record<Shape, number>> = {};
      const turn = round % NAMES.length;
      for (const shape of [...NAMES.slice(turn), ...NAMES.slice(0, turn)])
        took[shape] = await timed(world, `${shape.replaceAll(/\W+/g, '-')}-${round}`, shape);
      rounds.push(took as Record<Shape, number>);
    }
    const plain = percentile(
      rounds.map((round) => round.plain),
      0.5,
    );
    const more = NAMES.filter((shape) => shape !== 'plain').map((shape) => {
      const samples = rounds.map((round) => round[shape] - round.plain);
      return { shape, samples, median: percentile(samples, 0.5) };
    });
    return {
      figures: [
        { name: 'plain Trial, create → reward (median)', value: seconds(plain) },
        ...more.map(({ shape, median }) => {
          const [name, is] = [`${shape}, minus plain (median)`, TARGETS[shape]];
          return is === undefined
            ? { name, value: seconds(median) }
            : atMost(name, median, { is, say: seconds });
        }),
      ],
      raw: { rounds, more: Object.fromEntries(more.map(({ shape, samples }) => [shape, summary(samples)])) },
    };
  },
};
