/** Runs a command to its end, with what it wrote. */
import { randomBytes } from 'node:crypto';
import type { StartRequest } from '../../../wire/sandbox/requests.ts';
import { CommandTimedOut } from '../errors.ts';
import type { CommandOptions, CommandResult, Contents, RunOptions, StartOptions } from '../types.ts';
import { SandboxCommand, type CommandPlace } from './command.ts';

const OUTPUT_MAX = 16 * 1024 * 1024;

const newId = (): string => randomBytes(12).toString('hex');

/** A text is run by the image's bash, else its sh; a list is a program and its arguments. */
export const startRequest = (
  command: string | readonly string[],
  { id = newId(), stdin = false, ...options }: StartOptions,
): StartRequest => ({
  op: 'run',
  id,
  ...(typeof command === 'string' ? { command } : { argv: [...command] }),
  ...(stdin && { stdin }),
  ...settings(options),
});

const settings = ({ timeoutMs, cwd, env, user, pty }: CommandOptions): Partial<StartRequest> => ({
  ...(timeoutMs !== undefined && { timeoutMs }),
  ...(cwd !== undefined && { workdir: cwd }),
  ...(env && { env }),
  ...(user !== undefined && { user }),
  ...(pty && { pty }),
});

/** Rejects with a SandboxError, or, having ended the command, with the reason of `signal`. */
export async function runCommand(
  place: CommandPlace,
  line: string | readonly string[],
  options: RunOptions = {},
): Promise<CommandResult> {
  const { signal, stdin } = options;
  signal?.throwIfAborted();
  const request = startRequest(line, { ...options, stdin: stdin !== undefined });
  const command = new SandboxCommand(place, request);
  const stop = (): void => {
    // Nobody waits for it: it arrives after whatever breaks, or all is lost.
    command.end().catch(() => {});
    command.detach();
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const feeding = stdin === undefined ? undefined : feed(command, stdin);
    const [result] = await Promise.all([resultOf(command, options), feeding]);
    return inTime(result, place, options);
  } catch (error) {
    signal?.throwIfAborted();
    // Whoever listens has failed, or what was to be read: nobody wants the rest.
    stop();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function inTime(
  result: CommandResult,
  { sandbox }: CommandPlace,
  { throwOnTimeout = false, timeoutMs = 0 }: RunOptions,
): CommandResult {
  if (result.timedOut && throwOnTimeout) throw new CommandTimedOut(sandbox, { timeoutMs, ...result });
  return result;
}

async function resultOf(
  command: SandboxCommand,
  { maxOutputBytes = OUTPUT_MAX, onStdout, onStderr }: RunOptions,
): Promise<CommandResult> {
  const begun = performance.now();
  const [exit, stdout, stderr] = await Promise.all([
    command.exited,
    collect(command.stdout, maxOutputBytes, onStdout),
    collect(command.stderr, maxOutputBytes, onStderr),
  ]);
  return {
    ...exit,
    stdout: stdout.text,
    stderr: stderr.text,
    truncated: stdout.truncated || stderr.truncated,
    durationMs: performance.now() - begun,
  };
}

async function feed({ stdin }: SandboxCommand, contents: Contents): Promise<void> {
  const pieces = typeof contents === 'string' || contents instanceof Uint8Array ? [contents] : contents;
  for await (const piece of pieces) {
    if (stdin.destroyed) return;
    if (!stdin.write(piece))
      await new Promise<void>((resolve) => stdin.once('drain', resolve).once('close', resolve));
  }
  stdin.end();
}

interface Collected {
  text: string;
  truncated: boolean;
}

/** The last bytes of a stream; its listener is told of all, one piece after the other. */
async function collect(
  stream: AsyncIterable<Buffer>,
  max: number,
  listener?: (chunk: Buffer) => void | Promise<void>,
): Promise<Collected> {
  const kept: Buffer[] = [];
  let total = 0;
  let held = 0;
  for await (const chunk of stream) {
    await listener?.(chunk);
    kept.push(chunk);
    total += chunk.length;
    held += chunk.length;
    for (let [first] = kept; first && held - first.length >= max; [first] = kept) {
      kept.shift();
      held -= first.length;
    }
  }
  const last = Buffer.concat(kept);
  return {
    // A byte order mark is of the text as any character is.
    text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(last.subarray(Math.max(0, last.length - max))),
    truncated: total > max,
  };
}
