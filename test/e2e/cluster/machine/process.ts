import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { paths } from './paths.ts';

export type RunOptions = {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  input?: string;
  timeoutSeconds?: number;
  /** Keeps the output out of the log. */
  secret?: boolean;
  /** Hears each line that the program says to standard error. */
  onLine?: (line: string) => void;
};

/** A program that failed; the message ends with the last lines it printed. */
export class CommandFailed extends Error {}

export const logFile = join(paths.log, 'cluster.log');
const running = new Set<ChildProcess>();
process.on('exit', () => running.forEach((child) => child.kill()));

/** What every program of the harness is started with: our programs first, and the engine of our own where it exists. */
export function environment(): NodeJS.ProcessEnv {
  const own = existsSync(paths.engineExec);
  // Debian's docker client has BuildKit built in; a newer client in front of it on PATH may lack buildx.
  const path = [
    paths.bin,
    ...(own ? ['/usr/bin', '/usr/sbin'] : []),
    process.env['PATH'],
    '/usr/sbin',
    '/sbin',
  ];
  const engine = own ? { DOCKER_HOST: `unix://${paths.engineSocket}` } : {};
  return {
    ...process.env,
    PATH: path.join(':'),
    DOCKER_BUILDKIT: '1',
    KUBECONFIG: paths.kubeconfig,
    ...engine,
  };
}

/** Runs a program to its end and gives its standard output; everything it says goes to the log. Throws CommandFailed. */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<string> {
  mkdirSync(paths.log, { recursive: true });
  const said = (text: string) => appendFileSync(logFile, text);
  said(`\n$ ${command} ${args.join(' ').slice(0, 300)}\n`);
  const child = spawn(command, args, { cwd: options.cwd, env: { ...environment(), ...options.env } });
  running.add(child);
  const deadline =
    options.timeoutSeconds && setTimeout(() => child.kill('SIGKILL'), options.timeoutSeconds * 1000);
  let output = '';
  let tail = '';
  const heard = (chunk: string) => {
    if (!options.secret) said(chunk);
    tail = (tail + chunk).slice(-3000);
  };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    heard(chunk);
  });
  child.stderr.setEncoding('utf8').on('data', heard);
  if (options.onLine) createInterface(child.stderr).on('line', options.onLine);
  child.stdin.on('error', () => {}).end(options.input ?? '');
  const code = await new Promise<number | string>((done, fail) => {
    child.on('error', (cause) =>
      fail(new CommandFailed(`${command} cannot be started: ${cause.message}`, { cause })),
    );
    child.on('close', (status, signal) => done(status ?? signal ?? 'unknown'));
  }).finally(() => {
    running.delete(child);
    clearTimeout(deadline);
  });
  if (code === 0) return output;
  throw new CommandFailed(
    `${command} ${args.join(' ').slice(0, 120)} ended with ${code}\n${lastLines(tail)}`,
  );
}

/** Whether the program ends well; for questions, so a failure is an answer. */
export async function succeeds(command: string, args: string[], options: RunOptions = {}): Promise<boolean> {
  return run(command, args, options).then(
    () => true,
    () => false,
  );
}

export const docker = (args: string[], options?: RunOptions) => run('docker', args, options);
export const kubectl = (args: string[], options?: RunOptions) => run('kubectl', args, options);
export const kind = (args: string[], options?: RunOptions) => run('kind', args, options);

/** Asks until the answer is yes; throws naming what was waited for. */
export async function until(what: string, seconds: number, ask: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await ask())) {
    if (Date.now() > end) throw new Error(`${what}: not after ${seconds} seconds (see ${paths.log})`);
    await sleep(200);
  }
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-15).join('\n');
}
