/** The operator of this checkout, as the image has it, in a process of its own: its CPU time and its memory are nobody else's. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { V8_FLAGS } from '../../src/installation/stateful-set.ts';
import { imageProgramOf } from '../../test/support/bundle.ts';
import { root } from '../../test/support/cluster.ts';
import { eventually } from '../../test/support/eventually.ts';
import { freePort } from '../../test/support/programs.ts';
import { parseMetrics, type Sample } from './metrics.ts';

export interface OwnOperator {
  pid: number;
  /** What it tells of itself now. */
  metrics(): Promise<Sample[]>;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** As installed. The heap is what V8 allows itself in a container with 1 GiB. */
const FLAGS = [...V8_FLAGS, '--max-old-space-size=512'];

/** Starts it with this kubeconfig and these settings; resolves when it is ready. */
export async function startOperator(kubeconfig: string, env: Record<string, string>): Promise<OwnOperator> {
  const folder = await mkdtemp(join(tmpdir(), 'sb-bench-'));
  const file = join(folder, 'kubeconfig');
  await writeFile(file, kubeconfig);
  const port = await freePort();
  const program = await imageProgramOf('src/operator.ts', V8_FLAGS);
  const child = spawn(process.execPath, [...FLAGS, program], {
    cwd: root,
    env: {
      PATH: process.env['PATH'] ?? '',
      KUBECONFIG: file,
      POD_NAME: 'bench',
      SB_METRICS_PORT: String(port),
      SB_BROKER_PORT: '0',
      SB_PROBE_PORT: '0',
      SB_BROKER_URL: 'https://broker.invalid:8443',
      SB_COURIER_IMAGE: `courier.invalid/operator@sha256:${'0'.repeat(64)}`,
      SB_LOG_LEVEL: 'warn',
      SB_WORK_FOLDER: join(folder, 'work'),
      ...env,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  running.add(child);
  const ended = once(child, 'exit').then(() => void running.delete(child));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const page = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);
  const isReady = async (): Promise<true | undefined> => {
    if (child.exitCode !== null) throw new Error(`the operator ended with ${child.exitCode}`);
    const answer = await page('/readyz').catch(() => undefined);
    return answer?.ok || undefined;
  };
  try {
    await eventually('the operator is ready', isReady, 120);
  } catch (error) {
    await stop();
    throw error;
  }
  const metrics = async (): Promise<Sample[]> => parseMetrics(await (await page('/metrics')).text());
  return { pid: child.pid!, metrics, stop };
}
