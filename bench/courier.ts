/** The courier's memory and processor time while the agent runs, and how long after its process began it sent its first request. */
import { readFileSync } from 'node:fs';
import { LABEL } from '../src/crds/names.ts';
import { CONTAINERS } from '../src/wire/pod-paths.ts';
import { eventually } from '../test/support/eventually.ts';
import type { World } from '../test/e2e/support/world.ts';
import { atMost, type Bench } from './support/bench.ts';
import { bytesOf, courierFile } from './support/processes.ts';
import { mebibytes, ms, percentile, summary } from './support/figures.ts';
import { allEnd, createTrial, makeTask } from './support/trials.ts';

const TIMES = 5;
/** Linux counts the start of a process, since the machine's start, and its processor time in hundredths of a second. */
const TICK_MS = 10;

/** Milliseconds since the epoch at which the machine started; the nodes share its kernel. */
const bootTime = (): number => Date.now() - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;

interface Seen {
  peakRss: number;
  rss: number;
  firstRequestMs: number;
  /** By user and system, until the agent runs. */
  processorMs: number;
}

async function look(world: World, name: string): Promise<Seen> {
  await createTrial(world, name, { agent: { name: 'custom', run: 'sleep 4; echo solved > /tmp/answer' } });
  const runs = (): string | undefined =>
    world.pods
      .list()
      .find(({ metadata, status }) => metadata.labels?.[LABEL.trial] === name && status?.phase === 'Running')
      ?.metadata.name;
  const pod = await eventually(`Trial ${name} runs`, runs);
  const said = async (): Promise<string | undefined> => {
    const log = await world.kube.log(
      { namespace: world.namespace, name: pod },
      { container: CONTAINERS.courier },
    );
    return log.includes('agentExecution began') ? log : undefined;
  };
  const log = await eventually('the agent runs', said);
  const key = { namespace: world.namespace, pod };
  const [stat, status, boot] = [
    await courierFile(key, '/proc/1/stat'),
    await courierFile(key, '/proc/1/status'),
    bootTime(),
  ];
  // Fields 14, 15 and 22, counted behind the program's name, which may hold spaces.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, startTicks = 0] = [11, 12, 19].map((index) => fields[index]);
  // The first line is written right before the plan is asked for.
  const firstRequest = Date.parse(log.slice(0, log.indexOf(' ')));
  await allEnd(world, [name]);
  return {
    peakRss: bytesOf(status, 'VmHWM'),
    rss: bytesOf(status, 'VmRSS'),
    firstRequestMs: firstRequest - (boot + startTicks * TICK_MS),
    processorMs: (user + system) * TICK_MS,
  };
}

export const courier: Bench = {
  needs: 'cluster',
  async run(world) {
    await makeTask(world);
    const seen: Seen[] = [];
    for (let time = 0; time < TIMES; time++) seen.push(await look(world, `courier-${time}`));
    const first = seen.map(({ firstRequestMs }) => firstRequestMs);
    const processor = seen.map(({ processorMs }) => processorMs);
    return {
      figures: [
        atMost(
          'courier RSS, peak until the agent runs (largest)',
          percentile(
            seen.map(({ peakRss }) => peakRss),
            1,
          ),
          { is: 80 * 1024 ** 2, say: mebibytes },
        ),
        atMost('courier, process start → first request (median)', percentile(first, 0.5), {
          is: 300,
          say: ms,
        }),
        {
          name: 'courier, processor time until the agent runs (median)',
          value: ms(percentile(processor, 0.5)),
        },
      ],
      raw: { seen, firstRequestMs: summary(first), processorMs: summary(processor) },
    };
  },
};
