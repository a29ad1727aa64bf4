/** How much longer a Trial takes than a bare Job that runs the same scripts in the same image. Pairs, one after the other, each first in turn. */
import { Job as JobKind, type Job } from '../src/kube/kinds.ts';
import { eventually } from '../test/support/eventually.ts';
import { SMALL } from '../test/e2e/support/story.ts';
import type { World } from '../test/e2e/support/world.ts';
import { atMost, type Bench } from './support/bench.ts';
import { percentile, seconds, summary } from './support/figures.ts';
import { allEnd, createTrial, IMAGE, makeTask, SOLUTION, stopwatch, TESTS } from './support/trials.ts';

const PAIRS = 10;
const TARGET_MS = 2000;

const bareJob = (namespace: string, name: string): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { namespace, name },
  spec: {
    backoffLimit: 0,
    template: {
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        containers: [
          {
            name: 'task',
            image: IMAGE,
            command: ['/bin/sh', '-c', `mkdir -p /logs/verifier\n${SOLUTION}\n${TESTS}`],
            resources: SMALL,
          },
        ],
      },
    },
  },
});

/** Milliseconds from asking for it to its terminal condition, and to the end of its Pod, as watched. */
interface Times {
  total: number;
  pod: number;
}

async function timeJob(world: World, name: string): Promise<Times> {
  const { namespace, kube, jobs } = world;
  const watch = stopwatch(world);
  const began = performance.now();
  let completed: number | undefined;
  const end = jobs.subscribe(({ object }) => {
    const complete = object.status?.conditions?.some(
      ({ type, status }) => type === 'Complete' && status === 'True',
    );
    if (object.metadata.name === name && complete) completed ??= performance.now();
  });
  await kube.create(JobKind, bareJob(namespace, name));
  const total = (await eventually(`Job ${name} is complete`, () => completed)) - began;
  const pod = (watch.marks.get(name)?.podEnded ?? NaN) - began;
  end();
  watch.stop();
  return { total, pod };
}

async function timeTrial(world: World, name: string): Promise<Times> {
  const watch = stopwatch(world);
  const began = performance.now();
  await createTrial(world, name);
  await allEnd(world, [name]);
  const { terminal = NaN, podEnded = NaN } = watch.marks.get(name) ?? {};
  watch.stop();
  return { total: terminal - began, pod: podEnded - began };
}

export const wallTime: Bench = {
  needs: 'cluster',
  async run(world) {
    await makeTask(world);
    // The first of each pulls the image and warms what can be warm.
    await timeTrial(world, 'warm-trial');
    await timeJob(world, 'warm-job');
    const pairs: { trial: Times; job: Times }[] = [];
    for (let pair = 0; pair < PAIRS; pair++) {
      const first = pair % 2 === 0 ? await timeJob(world, `job-${pair}`) : undefined;
      const trial = await timeTrial(world, `trial-${pair}`);
      pairs.push({ trial, job: first ?? (await timeJob(world, `job-${pair}`)) });
    }
    const more = pairs.map(({ trial, job }) => trial.total - job.total);
    const untilPodEnd = pairs.map(({ trial, job }) => trial.total - job.pod);
    return {
      figures: [
        {
          name: 'Trial, create → reward (median)',
          value: seconds(
            percentile(
              pairs.map(({ trial }) => trial.total),
              0.5,
            ),
          ),
        },
        {
          name: 'bare Job, create → Complete (median)',
          value: seconds(
            percentile(
              pairs.map(({ job }) => job.total),
              0.5,
            ),
          ),
        },
        atMost('Trial minus bare Job (median)', percentile(more, 0.5), { is: TARGET_MS, say: seconds }),
        {
          name: 'Trial minus end of the bare Job’s Pod (median)',
          value: seconds(percentile(untilPodEnd, 0.5)),
        },
      ],
      raw: { image: IMAGE, pairs, more: summary(more), untilPodEnd: summary(untilPodEnd) },
    };
  },
};
