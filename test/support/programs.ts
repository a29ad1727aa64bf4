/** Real servers for tests: found where the cluster harness builds them, started on loopback, ended by process id. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, globSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Running {
  /** `127.0.0.1:PORT`. */
  address: string;
  /** Ends the process and removes its files. */
  stop(): Promise<void>;
}

const runnable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Path of a program: `SB_<NAME>`, else the newest in the harness’s cache; undefined where it was never built. */
export function findProgram(name: string): string | undefined {
  const set = process.env[`SB_${name.toUpperCase()}`];
  if (set) return set;
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return ['*', '*/bin']
    .flatMap((folder) => globSync(join(cache, 'sb-operator', folder, name)))
    .filter(runnable)
    .sort()
    .at(-1);
}

/** Below those that the kernel hands out, or somebody beside would be given it before whoever asked here has it. */
const PORTS = { first: 21_000, count: 7000 };

/** A port of 127.0.0.1 on which nobody listens. */
export async function freePort(): Promise<number> {
  const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
  const server = createServer().listen(port, '127.0.0.1');
  const isFree = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  server.close();
  return isFree ? port : freePort();
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

const START_TRIES = 400;

async function listening(port: number, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < START_TRIES && server.exitCode === null; tries++) {
    if (await answers(port)) return;
    await sleep(25);
  }
  throw new Error(`${server.spawnfile} does not listen on port ${port}`);
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill('SIGKILL');
  await once(server, 'exit');
}

const running = new Set<ChildProcess>();
// A test run that is interrupted leaves no server behind.
process.on('exit', () => running.forEach((server) => server.kill('SIGKILL')));

/** What to start: arguments and environment, given the address to listen on and an empty folder. What it says goes into the file `log`, or nowhere. */
export type Command = (
  address: string,
  folder: string,
) => Promise<{ args: string[]; env?: Record<string, string>; log?: string }>;

/** Starts a server on a free loopback port; undefined where its program was never built. */
export async function startProgram(name: string, command: Command): Promise<Running | undefined> {
  const program = findProgram(name);
  return program ? startServer(program, command) : undefined;
}

/** The same, of a program by its path. */
export async function startServer(program: string, command: Command): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), `sb-${basename(program)}-`));
  const port = await freePort();
  const { args, env = {}, log } = await command(`127.0.0.1:${port}`, folder);
  const out = log === undefined ? 'ignore' : openSync(log, 'w');
  const server = spawn(program, args, {
    stdio: ['ignore', out, out],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  if (typeof out === 'number') closeSync(out);
  running.add(server);
  const stop = async (): Promise<void> => {
    await end(server);
    running.delete(server);
    await rm(folder, { recursive: true, force: true });
  };
  await listening(port, server).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { address: `127.0.0.1:${port}`, stop };
}

/** Marks the running tests as pending: their server was never built. */
export function skipWithout(name: string, context: Mocha.Context, by = 'npm run cluster:up'): never {
  process.stderr.write(`      ${name} is not built yet (${by} builds it): tests against it are pending\n`);
  return context.skip();
}
