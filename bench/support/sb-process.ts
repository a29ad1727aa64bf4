/** `sb` as a user starts it, watched from outside: on pipes, or in a terminal of its own. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { kubeconfig, root } from '../../test/support/cluster.ts';
import { FLAGS } from '../../test/support/bundle.ts';

const environment = (): NodeJS.ProcessEnv => ({ ...process.env, KUBECONFIG: kubeconfig, TERM: 'xterm' });
/** A document of ten thousand Trials has several megabytes. */
const MAX_OUTPUT = 2 ** 30;

/** How long `sb` takes from the start of its process to its end, in milliseconds. `sb`: the bundle. */
export async function timed(sb: string, args: readonly string[]): Promise<number> {
  const began = performance.now();
  const options = { cwd: root, env: environment(), maxBuffer: MAX_OUTPUT };
  await promisify(execFile)(process.execPath, [...FLAGS, sb, ...args], options);
  return performance.now() - began;
}

/** What the kernel knows of a process. */
export interface Usage {
  /** Bytes: now, and the most so far. */
  rss: number;
  maxRss: number;
  /** Milliseconds of both kinds of CPU time since its start. */
  cpuMs: number;
}

/** `sb` in a terminal of 120 × 40. */
export interface TerminalProcess {
  /** Everything that was written to the terminal so far. */
  written(): string;
  /** Resolves to the milliseconds from the start of the process to the first time that this was on the screen. */
  shows(text: string, limitMs: number): Promise<number>;
  usage(): Promise<Usage>;
  /** As Ctrl-C does; resolves when it has ended. */
  interrupt(): Promise<void>;
}

/** util-linux's `script` makes the terminal. */
export function inTerminal(sb: string, args: readonly string[]): TerminalProcess {
  const command = ['exec', process.execPath, ...FLAGS, sb, ...args].join(' ');
  const began = performance.now();
  const child = spawn('script', ['-qefc', `stty cols 120 rows 40; ${command}`, '/dev/null'], {
    cwd: root,
    env: environment(),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let text = '';
  const waiting = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    for (const look of waiting) look();
  });
  return {
    written: () => text,
    shows: (wanted, limitMs) =>
      new Promise((resolve, reject) => {
        const limit = setTimeout(
          () => reject(new Error(`not on the screen after ${limitMs} ms: ${wanted}\n${text.slice(-2000)}`)),
          limitMs,
        );
        const look = (): void => {
          if (!text.includes(wanted)) return;
          clearTimeout(limit);
          waiting.delete(look);
          resolve(performance.now() - began);
        };
        waiting.add(look);
        look();
      }),
    usage: async () => usageOf(await onlyChild(child.pid ?? 0)),
    async interrupt() {
      child.stdin.write('\x03');
      await ended;
    },
  };
}

const onlyChild = async (pid: number): Promise<number> =>
  Number((await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim());

/** Of the kernel's clock, on every architecture that Node runs on. */
const TICKS_A_SECOND = 100;

async function usageOf(pid: number): Promise<Usage> {
  const [status, stat] = await Promise.all(
    ['status', 'stat'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8')),
  );
  const kibibytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status ?? '')?.[1]);
  // The name in parentheses may hold spaces; utime and stime are the 12th and 13th field after it.
  const fields = (stat ?? '').slice((stat ?? '').lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return {
    rss: kibibytes('VmRSS') * 1024,
    maxRss: kibibytes('VmHWM') * 1024,
    cpuMs: (ticks * 1000) / TICKS_A_SECOND,
  };
}
