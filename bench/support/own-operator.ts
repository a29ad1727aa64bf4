/** The operator of this checkout in a process of its own: its CPU time is nobody else's. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../test/support/cluster.ts';
import { eventually } from '../../test/support/eventually.ts';
import { parseMetrics, type Sample } from './metrics.ts';

export interface OwnOperator {
  /** What it tells of itself now. */
  metrics(): Promise<Sample[]>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const running = new Set<ChildProcess>();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Starts `src/operator.ts` with this kubeconfig and these settings; resolves when it is ready. */
export async function startOperator(kubeconfig: string, env: Record<string, string>): Promise<OwnOperator> {
  const folder = await mkdtemp(join(tmpdir(), 'sb-bench-'));
  const file = join(folder, 'kubeconfig');
  await writeFile(file, kubeconfig);
  const port = await freePort();
  const child = spawn(process.execPath, ['src/operator.ts'], {
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
    await eventually('the operator is ready', isReady, 30);
  } catch (error) {
    await stop();
    throw error;
  }
  return { metrics: async () => parseMetrics(await (await page('/metrics')).text()), stop };
}
