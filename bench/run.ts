/**
 * `npm run bench [name…]`: measures, prints a table, and writes what it saw to `bench/results/<date>-<name>.json`.
 * `--as-is`: measure the operator that runs, without bringing the cluster to the state of the checkout first.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from '../src/cli/render/output.ts';
import { up } from '../test/e2e/cluster/index.ts';
import { operatorImage } from '../test/e2e/support/helm.ts';
import { openWorld, type World } from '../test/e2e/support/world.ts';
import { kubectlOk, root } from '../test/support/cluster.ts';
import { removeOwn } from '../test/support/temporary.ts';
import { agents, installedAgents } from './agents.ts';
import { attach } from './attach.ts';
import { builds } from './builds.ts';
import { courier } from './courier.ts';
import { files } from './files.ts';
import { hand } from './hand.ts';
import { burst, single } from './latency.ts';
import { leaderGoes } from './leader.ts';
import { operatorMemory } from './memory.ts';
import { simulatedPool } from './pool-simulated.ts';
import { pool } from './pool.ts';
import { presign } from './presign.ts';
import { reconcile } from './reconcile.ts';
import { runs } from './runs.ts';
import type { Bench, Figure, BenchResult } from './support/bench.ts';
import { machine } from './support/machine.ts';
import { scale } from './scale/index.ts';
import { shapes } from './shapes.ts';
import { shelf } from './shelf.ts';
import { soak } from './soak.ts';
import { startUp } from './start-up.ts';
import { sandbox } from './sandbox.ts';
import { submission } from './submit.ts';
import { tenants } from './tenants.ts';
import { tunnel } from './tunnel.ts';
import { wallTime } from './wall-time.ts';

const benches: Record<string, Bench> = {
  reconcile,
  shelf,
  runs,
  'pool-simulated': simulatedPool,
  builds,
  memory: operatorMemory,
  single,
  'wall-time': wallTime,
  shapes,
  presign,
  tunnel,
  courier,
  hand,
  files,
  sandbox,
  pool,
  burst,
  scale,
  tenants,
  leader: leaderGoes,
  soak,
  submit: submission,
  attach,
  'start-up': startUp,
  agents,
  'agents-installed': installedAgents,
};

/** Facts about the cluster and the operator in it. */
async function cluster(): Promise<object> {
  const version = JSON.parse(await kubectlOk(['version', '-o', 'json'])) as {
    serverVersion: { gitVersion: string };
  };
  const image = await operatorImage();
  const nodes = JSON.parse(await kubectlOk(['get', 'nodes', '-o', 'json'])) as { items: unknown[] };
  return { kubernetes: version.serverVersion.gitVersion, nodes: nodes.items.length, operatorImage: image };
}

const asTable = (figures: Figure[]): string =>
  table(figures, [
    { header: 'figure', value: ({ name }) => name },
    { header: 'measured', value: ({ value }) => value, align: 'right' },
    { header: 'target', value: ({ target }) => target, align: 'right' },
    { header: '', value: ({ met }) => (met === undefined ? '' : met ? 'met' : 'MISSED') },
  ]);

function keep(name: string, content: object): string {
  const folder = join(root, 'bench/results');
  mkdirSync(folder, { recursive: true });
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  const file = join(folder, `${stamp}-${name}.json`);
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  return relative(root, file);
}

/** Runs `work` in a world of its own, which is gone when the next one begins: removing thousands of Trials keeps a cluster busy. */
async function inWorld<T>(work: (world: World) => Promise<T>): Promise<T> {
  const world = await openWorld();
  try {
    return await work(world);
  } finally {
    await world.close();
    await removeOwn(kubectlOk, { wait: true });
  }
}

async function measure(name: string, bench: Bench): Promise<Figure[]> {
  process.stdout.write(`\n${name} …\n`);
  const began = new Date();
  const tell = ({ figures, raw }: BenchResult, where: object): Figure[] => {
    const file = keep(name, { name, began, machine: machine(), cluster: where, figures, raw });
    process.stdout.write(`${asTable(figures)}raw data: ${file}\n`);
    return figures;
  };
  if (bench.needs === 'nothing') return tell(await bench.run(), {});
  const { run } = bench;
  // Before the world is removed, which may take longer than anybody waits.
  return inWorld(async (world) => tell(await run(world), await cluster()));
}

async function main(): Promise<void> {
  const options = { 'as-is': { type: 'boolean', default: false } } as const;
  const { values, positionals: wanted } = parseArgs({ options, allowPositionals: true });
  const unknown = wanted.filter((name) => !(name in benches));
  if (unknown.length > 0)
    throw new Error(`there is no bench ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`);
  const chosen = Object.entries(benches).filter(([name]) => wanted.length === 0 || wanted.includes(name));
  if (!values['as-is'] && chosen.some(([, { needs }]) => needs === 'cluster')) await up();
  const all: Figure[] = [];
  for (const [name, bench] of chosen) all.push(...(await measure(name, bench)));
  if (chosen.length > 1) process.stdout.write(`\n${asTable(all)}`);
}

let leaving = false;
/** Removes what is in the cluster for this run alone. An operator that was scaled to none comes back with the next `npm run cluster:up`. */
function leave(): void {
  if (leaving) return;
  leaving = true;
  void removeOwn(kubectlOk, { wait: false })
    .catch(() => {})
    .then(() => process.exit(130));
}
// npm passes on what the terminal has sent already.
process.on('SIGINT', leave).on('SIGTERM', leave);

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
