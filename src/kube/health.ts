import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { gauge } from '../metrics/table.ts';

/** A named question; false or a throw means no. */
export type Check = () => boolean;

export interface HealthOptions {
  port: number;
  /** Default: all addresses. */
  host?: string;
  registry: Registry;
  /** Asked by /readyz. */
  ready: Record<string, Check>;
  /** Asked by /healthz: no means that only a restart can help. */
  live?: Record<string, Check>;
}

export interface HealthServer {
  /** The port it listens on. */
  port: number;
  close(): Promise<void>;
}

function answer(check: Check): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

function report(checks: Record<string, Check>, response: ServerResponse): void {
  const answers = Object.entries(checks).map(([name, check]) => [name, answer(check)] as const);
  const ok = answers.every(([, yes]) => yes);
  response.writeHead(ok ? 200 : 503, { 'content-type': 'text/plain' });
  response.end(
    [...answers.map(([name, yes]) => `[${yes ? '+' : '-'}] ${name}`), ok ? 'ok' : 'failed', ''].join('\n'),
  );
}

async function writeMetrics(registry: Registry, response: ServerResponse): Promise<void> {
  try {
    const text = await registry.metrics();
    response.writeHead(200, { 'content-type': registry.contentType }).end(text);
  } catch {
    response.writeHead(500).end();
  }
}

/** How often the event loop's lag is looked at, which is the least that it is told as. Every 10 ms, as by default, it was half of what an idle replica did. */
const LAG_LOOK_MS = 50;

/** Node's own metrics: memory, CPU, garbage collection, and the event loop's lag and its p99; and which version of the operator it is. */
export function collectProcessMetrics(registry: Registry, version: string): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_LOOK_MS });
  gauge(registry, 'sb_build_info').set({ version, node: process.version }, 1);
}

/** Serves /healthz, /readyz and /metrics. Resolves once it listens; `port` 0 takes a free one. */
export async function serveHealth({
  port,
  host,
  registry,
  ready,
  live = {},
}: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    if (path === '/healthz') report(live, response);
    else if (path === '/readyz') report(ready, response);
    else if (path === '/metrics') void writeMetrics(registry, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
