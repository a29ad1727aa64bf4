/** Entry point of `sb`: the process's streams, signals and exit code. */
import { writeSync } from 'node:fs';
import { CliError, Interrupted } from '../client/failures/error.ts';
import { run } from './program.ts';
import { processTerminal } from './terminal.ts';
import type { Io } from './types.ts';

const INTERRUPTED = 130;
/** As where a file cannot be written. */
const UNWRITTEN = 3;
/** For a command that was interrupted to end by itself. */
const PATIENCE_MS = 1000;

/** Ends quietly when the reader of our output is gone, as in `sb … | head`, and with a line where it cannot be written. */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') complain(`error: cannot write to stdout: ${error.message}\n`);
    process.exit(error.code === 'EPIPE' ? 0 : UNWRITTEN);
  });
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : UNWRITTEN);
  });
}

/** At once, for the process ends now. */
function complain(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // There is nobody left to tell.
  }
}

/** The folder that the command was started in. Whoever needs it in one that was deleted is told so; Node itself would throw at every start. */
function currentFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new CliError('SB-E013', {
      what: 'cannot use the current folder',
      why: 'it is not there any more',
      fix: 'cd to a folder that is there',
      cause,
    });
  }
}

/** A signal for the first Ctrl-C or SIGTERM, and a way to hear of every Ctrl-C. */
function interrupts(): Pick<Io, 'signal' | 'onInterrupt'> {
  const controller = new AbortController();
  const listeners = new Set<() => void>();
  const unheard = (): boolean => listeners.size === 0;
  const hear = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted && unheard()) process.exit(INTERRUPTED);
    controller.abort(new Interrupted(name));
    for (const listener of listeners) listener();
    // What does not listen to the signal has nothing to put in order.
    setTimeout(() => unheard() && process.exit(INTERRUPTED), PATIENCE_MS).unref();
  };
  process.on('SIGINT', hear).on('SIGTERM', hear);
  return {
    signal: controller.signal,
    onInterrupt(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

endWithReader();
/** The answer to a question that is asked on stderr; Ctrl-C and Ctrl-D are none. */
async function ask(question: string): Promise<string> {
  if (!terminal.input) return '';
  const { createInterface } = await import('node:readline/promises');
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const given = new Promise<string>((resolve) =>
    asking.on('SIGINT', () => resolve('')).on('close', () => resolve('')),
  );
  const answer = await Promise.race([asking.question(`${question} `), given]);
  asking.close();
  return answer.trim();
}

const confirm = async (question: string): Promise<boolean> =>
  /^y(es)?$/i.test(await ask(`${question} [y/N]`));

const args = process.argv.slice(2);
const { env } = process;
const terminal = processTerminal(process, { env, input: !args.includes('--no-input') });
const io: Io = {
  ...interrupts(),
  terminal,
  confirm,
  ask,
  streams: process,
  env,
  get cwd() {
    return currentFolder();
  },
  now: () => new Date(),
};
const code = await run(args, io);
// A slow reader's pipe takes 64 KiB at a time; leaving now would cut the rest off.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))),
);
// Sockets that are kept alive for the next request must not keep the process.
process.exit(code);
