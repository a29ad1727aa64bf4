/**
 * The operator beside a plain Go controller that does the same work, and both beside what the rig can do: thousands of Trials run their whole life on
 * nodes without machines. `SCALE`: how many come at once.
 */
import type { World } from '../../test/e2e/support/world.ts';
import { atMost, type Bench, type BenchResult, type Figure } from '../support/bench.ts';
import { ms, seconds } from '../support/figures.ts';
import { run, type Load, type Measured, type Way } from './load.ts';
import { startNodes } from './nodes.ts';
import { foreignJob, installPeerKind, startPeer } from './peer.ts';
import { bare, ours, peers, removeJobs, renderedJob, withoutOperator, withoutPolicies } from './ways.ts';

const BURST = Number(process.env['SCALE'] ?? 500);
const STEADY = [10, 20];
const STEADY_SECONDS = 20;
const TIMES = { startMs: 100, runMs: 2000 };

const loads = (prefix: string): Load[] => [
  { prefix: `${prefix}-burst`, count: BURST },
  ...STEADY.map((aSecond) => ({ prefix: `${prefix}-${aSecond}`, count: aSecond * STEADY_SECONDS, aSecond })),
];

/** Says a line as soon as there is one: a large run takes long. */
async function told(running: Promise<Measured>): Promise<Measured> {
  const measured = await running;
  const { prefix, count, tookMs } = measured;
  process.stdout.write(`${prefix}: ${count} in ${seconds(tookMs)}\n`);
  return measured;
}

/** So many before what is measured, so that whoever comes first does not meet an API server that collects garbage twice as often: its heap is small when it is new. */
const WARM = 500;

/** One load after the other: Kubernetes is done with the Jobs of one before the next begins. */
async function under(world: World, way: Way, prefix: string): Promise<Measured[]> {
  const measured: Measured[] = [];
  await run(world, way, { prefix: `${prefix}-warm`, count: WARM });
  for (const load of loads(prefix)) {
    measured.push(await told(run(world, way, load)));
    await removeJobs(world);
  }
  return measured;
}

async function measure(world: World) {
  await using _ = await startNodes(TIMES);
  // From the beginning, so that whatever runs is looked at by as many watches of ours.
  await using kind = await installPeerKind();
  const job = foreignJob(await renderedJob(world));
  const operator = await under(world, ours(world), 'ours');
  const others = await withoutOperator((deployment) =>
    withoutPolicies(async () => {
      const ceiling = await told(run(world, bare(world, job), { prefix: 'bare', count: BURST }));
      await removeJobs(world);
      await using peer = await startPeer(kind, deployment, job);
      return { ceiling, peer: await under(world, peers(world, peer), 'peer') };
    }),
  );
  return { operator, ...others };
}

const ratio = (value: number): string => value.toFixed(2);
const cpu = (value: number): string => `${value.toFixed(1)} s`;

const atLeast = (name: string, measured: number, limit: number): Figure => ({
  name,
  value: ratio(measured),
  target: `≥ ${ratio(limit)}`,
  met: measured >= limit,
});

const etcdOf = ({ etcdPerTrial: { puts = NaN, putBytes = NaN } }: Measured): string =>
  `${puts.toFixed(1)}, ${(putBytes / 1000).toFixed(0)}`;

function ofBurst(operator: Measured, peer: Measured, ceiling: Measured): Figure[] {
  const spent = (of: Measured, process: string): number => of.cpuPer1000[process] ?? NaN;
  const isOne = { is: 1, say: ratio };
  const what = `burst of ${BURST}`;
  return [
    {
      name: `a second, ${what}: Trials; the Go peer's; bare Jobs`,
      value: [operator, peer, ceiling].map(({ perSecond }) => perSecond.toFixed(1)).join('; '),
    },
    { name: 'Trials ÷ bare Jobs', value: ratio(operator.perSecond / ceiling.perSecond) },
    atLeast('Trials ÷ the peer', operator.perSecond / peer.perSecond, 1),
    {
      name: 'CPU per 1,000: leader; the peer',
      value: [operator, peer].map((of) => cpu(spent(of, 'leader'))).join('; '),
    },
    atMost('leader ÷ the peer', spent(operator, 'leader') / spent(peer, 'leader'), { is: 2, say: ratio }),
    atMost('CPU of the standby per 1,000', spent(operator, 'standby'), { is: 1.5, say: cpu }),
    { name: 'the same of the peer’s', value: cpu(spent(peer, 'standby')) },
    {
      name: 'CPU of the API server per 1,000: Trials; the peer; bare Jobs',
      value: [operator, peer, ceiling].map((of) => cpu(spent(of, 'apiServer'))).join('; '),
    },
    atMost('the same, Trials ÷ the peer', spent(operator, 'apiServer') / spent(peer, 'apiServer'), isOne),
    atMost('writes of the leader per Trial', operator.writesPerTrial['leader'] ?? NaN, { is: 3, say: ratio }),
    { name: 'writes of the peer per Trial', value: ratio(peer.writesPerTrial['leader'] ?? NaN) },
    {
      name: 'API calls per Trial, everybody’s: Trials; the peer; bare Jobs',
      value: [operator, peer, ceiling].map(({ callsPerTrial }) => callsPerTrial.toFixed(1)).join('; '),
    },
    {
      name: 'etcd per Trial, writes and kB: Trials; the peer; bare Jobs',
      value: [operator, peer, ceiling].map(etcdOf).join('; '),
    },
  ];
}

function ofRate(operator: Measured, peer: Measured): Figure[] {
  const { aSecond } = operator;
  const judged = (name: string, measured: number, is: number): Figure =>
    aSecond === Math.max(...STEADY) ? atMost(name, measured, { is, say: ms }) : { name, value: ms(measured) };
  const both = ({ p50, p99 }: Measured['toJob']): string => `${ms(p50)}; ${ms(p99)}`;
  return [
    judged(`created → Job created, p50, ${aSecond} a second`, operator.toJob.p50, 50),
    judged('the same, p99', operator.toJob.p99, 500),
    { name: 'the same of the peer, p50; p99', value: both(peer.toJob) },
    judged(`courier ended → terminal, p99, ${aSecond} a second`, operator.toEnd.p99, 1000),
    { name: 'the same of the peer, p50; p99', value: both(peer.toEnd) },
  ];
}

function resultOf({ operator, peer, ceiling }: Awaited<ReturnType<typeof measure>>): BenchResult {
  const figures = operator.flatMap((measured, index) => {
    const other = peer[index]!;
    return measured.aSecond === undefined ? ofBurst(measured, other, ceiling) : ofRate(measured, other);
  });
  return { figures, raw: { times: TIMES, ceiling, peer, operator } };
}

export const scale: Bench = { needs: 'cluster', run: async (world) => resultOf(await measure(world)) };
