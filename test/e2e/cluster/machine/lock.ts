import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { paths } from './paths.ts';

type Holder = { pid: number; started: string; checkout: string };

/** Lets one process at a time change the cluster. Throws when another one is at work; a lock whose process is gone is taken over. */
export function acquireLock(path: string = paths.lock): Disposable {
  mkdirSync(dirname(path), { recursive: true });
  const holder = readHolder(path);
  if (holder && isAlive(holder))
    throw new Error(
      `another process (${holder.pid}, from ${holder.checkout}) is changing the local cluster; wait until it has finished`,
    );
  if (holder) rmSync(path, { force: true });
  const own: Holder = { pid: process.pid, started: startTime(process.pid), checkout: paths.root };
  writeFileSync(path, JSON.stringify(own), { flag: 'wx' });
  const release = () => rmSync(path, { force: true });
  process.once('exit', release);
  return {
    [Symbol.dispose]: () => {
      process.off('exit', release);
      release();
    },
  };
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return { pid: 0, started: '', checkout: '' };
  }
}

// Process ids are given out again: the start time tells the holder from a stranger.
function isAlive({ pid, started }: Holder): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return startTime(pid) === started;
  } catch {
    return false;
  }
}

function startTime(pid: number): string {
  try {
    return (
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')[19] ?? ''
    );
  } catch {
    return '';
  }
}
