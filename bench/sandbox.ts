/** A Sandbox against `kubectl exec` and `kubectl cp` of the same Pod in the same run: round trips, throughput, and how long one takes to be ready. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { SandboxEnvironment } from '../src/client/sandbox/environment.ts';
import { attachSandbox, type Session } from '../src/client/index.ts';
import { CONTAINERS } from '../src/wire/pod-paths.ts';
import { kubeconfig, kubectl, kubectlOk } from '../test/support/cluster.ts';
import { podOf, small, userSession } from '../test/e2e/support/sandboxes.ts';
import { atMost, type Bench, type Figure } from './support/bench.ts';
import { mebibytes, ms, percentile, summary } from './support/figures.ts';
import { directBroker } from './support/direct-broker.ts';
import { difference, operatorWrites } from './support/metrics.ts';
import { bytesOf, courierFile } from './support/processes.ts';

const ROUND_TRIPS = 200;
const EXECS = 20;
const MIB = 2 ** 20;
const BYTES = 256 * MIB;
const COLD = 10;

async function times(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const began = performance.now();
    await work();
    samples.push(performance.now() - began);
  }
  return samples;
}

const atLeast = (name: string, measured: number, least: number): Figure => ({
  name,
  value: `${measured.toFixed(1)}×`,
  target: `≥ ${least}×`,
  met: measured >= least,
});

const exact = (value: number): string => `${value.toFixed(1)} ms`;

/** `/bin/true` as a program outside of the cluster has it, and as one inside, against `kubectl exec` of the same Pod. */
async function roundTrips(ways: SandboxEnvironment[], namespace: string) {
  const pod = (await podOf(ways[0]!.name)).metadata.name;
  const ours = [];
  for (const sandbox of ways) {
    await sandbox.runCommand(['true']);
    ours.push({ way: sandbox.way, took: await times(ROUND_TRIPS, () => sandbox.runCommand(['true'])) });
  }
  const theirs = await times(EXECS, () =>
    kubectlOk(['exec', '-n', namespace, pod, '-c', CONTAINERS.task, '--', 'true']),
  );
  const exec = percentile(theirs, 0.5);
  const figures: Figure[] = [
    { name: 'kubectl exec of /bin/true, p50', value: exact(exec) },
    ...ours.flatMap(({ way, took }) => [
      {
        name: `${way}: round trip of /bin/true, p50, p99`,
        value: `${exact(percentile(took, 0.5))}, ${exact(percentile(took, 0.99))}`,
      },
      atLeast(`${way}: kubectl exec against ours, p50`, exec / percentile(took, 0.5), 20),
    ]),
  ];
  const raw = Object.fromEntries(ours.map(({ way, took }) => [way, summary(took)]));
  return { figures, raw: { ...raw, kubectlExec: summary(theirs) } };
}

/** `kubectl cp` ends with “unexpected EOF” now and then, and is tried again so often. */
const COPY_TRIES = 5;

/** Seconds of the first `kubectl cp` that brought the whole file, and what those before it said. */
async function copied(args: string[], arrived: () => Promise<number>) {
  const failures: string[] = [];
  while (failures.length < COPY_TRIES) {
    const began = performance.now();
    const { code, stderr } = await kubectl(['cp', '-c', CONTAINERS.task, ...args]);
    const seconds = (performance.now() - began) / 1000;
    const bytes = await arrived().catch(() => 0);
    if (code === 0 && bytes === BYTES) return { seconds, failures };
    failures.push(`exit code ${code}, ${bytes} of ${BYTES} bytes: ${stderr.trim()}`);
  }
  throw new Error(`kubectl cp ${args.join(' ')} failed ${COPY_TRIES} times: ${failures.join('; ')}`);
}

const rate = (seconds: number): string => `${Math.round(BYTES / 1e6 / seconds)} MB/s`;

/** Seconds of one file, both ways. */
async function moved(sandbox: SandboxEnvironment, folder: string) {
  const seconds = async (work: () => Promise<unknown>): Promise<number> => (await times(1, work))[0]! / 1000;
  const file = join(folder, 'file');
  await rm(file, { force: true });
  const down = await seconds(() => sandbox.download('/transfer/file', folder));
  if ((await stat(file)).size !== BYTES) throw new Error('the file is not whole');
  const up = await seconds(() => sandbox.upload(file, '/uploaded'));
  return { down, up };
}

/** A file both ways: as a program in the cluster has it, straight to the broker; as one outside has it; and by `kubectl cp`, which is outside too. */
async function transfers(sandbox: SandboxEnvironment, near: SandboxEnvironment) {
  const { namespace } = sandbox;
  const pod = (await podOf(sandbox.name)).metadata.name;
  const folder = await mkdtemp(join(tmpdir(), 'sb-bench-'));
  const file = join(folder, 'file');
  try {
    await sandbox.runCommand(`mkdir -p /transfer && head -c ${BYTES} /dev/urandom > /transfer/file`);
    const ways = { outside: await moved(sandbox, folder), inside: await moved(near, folder) };
    const [there, here] = [`${namespace}/${pod}:`, join(folder, 'theirs')];
    const theirDown = await copied([`${there}/transfer/file`, here], async () => (await stat(here)).size);
    const theirUp = await copied([file, `${there}/theirs`], async () => (await sandbox.stat('/theirs')).size);
    const failures = [...theirDown.failures, ...theirUp.failures];
    const figures: Figure[] = [
      { name: 'kubectl cp, down and up', value: `${rate(theirDown.seconds)}, ${rate(theirUp.seconds)}` },
      { name: 'kubectl cp, failed', value: `${failures.length} of ${failures.length + 2}` },
      ...[sandbox, near].flatMap(({ way }, index) => {
        const { down, up } = [ways.outside, ways.inside][index]!;
        return [
          { name: `${way}: down and up, 256 MiB`, value: `${rate(down)}, ${rate(up)}` },
          atLeast(`${way}: download against kubectl cp`, theirDown.seconds / down, 5),
          atLeast(`${way}: upload against kubectl cp`, theirUp.seconds / up, 5),
        ];
      }),
    ];
    return { figures, raw: { bytes: BYTES, ways, theirDown, theirUp } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What courier and sbd of a Sandbox have held at most until now. */
async function memory(sandbox: SandboxEnvironment, namespace: string) {
  const pod = (await podOf(sandbox.name)).metadata.name;
  const ofCourier = await courierFile({ namespace, pod }, '/proc/1/status');
  const { stdout: ofSbd } = await sandbox.runCommand(['cat', '/proc/1/status']);
  const peaks = { courier: bytesOf(ofCourier, 'VmHWM'), sbd: bytesOf(ofSbd, 'VmHWM') };
  const figures = [
    atMost('courier RSS, peak after all that', peaks.courier, { is: 80 * MIB, say: mebibytes }),
    atMost('sbd RSS, peak after all that', peaks.sbd, { is: 10 * MIB, say: mebibytes }),
  ];
  return { figures, raw: { rss: { ofCourier, ofSbd } } };
}

/** One after another, each until it is Ready, then deleted. */
async function cold(session: Session) {
  const before = await operatorWrites();
  const took: number[] = [];
  for (let index = 0; index < COLD; index += 1) {
    const began = performance.now();
    const sandbox = await small(session, `cold-${index}`).init();
    took.push(performance.now() - began);
    await sandbox.teardown();
  }
  await wait(5000);
  const writes = difference(await operatorWrites(), before);
  const each = Object.values(writes).reduce((sum, count) => sum + count, 0) / COLD;
  const figures: Figure[] = [
    { name: 'create → ready and connected, cold, p50', value: ms(percentile(took, 0.5)) },
    { name: 'create → ready and connected, cold, p99', value: ms(percentile(took, 0.99)) },
    atMost('API writes of the operator per Sandbox', each, { is: 4, say: (value) => value.toFixed(1) }),
  ];
  return { figures, raw: { cold: took, writes } };
}

export const sandbox: Bench = {
  needs: 'cluster',
  async run({ namespace }) {
    const session = userSession();
    const direct = await directBroker();
    const within = userSession(namespace, kubeconfig, { SB_BROKER_URL: direct.url });
    try {
      const one = await small(session, 'bench').init();
      const near = await attachSandbox(within, one.name).init();
      const parts = [
        await roundTrips([one, near], namespace),
        await transfers(one, near),
        await memory(one, namespace),
        await cold(session),
      ];
      return {
        figures: parts.flatMap(({ figures }) => figures),
        raw: Object.assign({}, ...parts.map(({ raw }) => raw)),
      };
    } finally {
      await within.close();
      await session.close();
      await direct.remove();
    }
  },
};
