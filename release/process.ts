/** Programs of the machine that a release is made with. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export interface RunOptions {
  cwd: string;
  env?: NodeJS.ProcessEnv;
  /** Shows what it says on stderr while it runs: for what takes minutes. */
  shown?: boolean;
}

/** Runs a program to its end and resolves to its stdout. Rejects with what it said last on stderr. */
export async function run(program: string, args: string[], options: RunOptions): Promise<string> {
  const { cwd, env, shown = false } = options;
  const child = spawn(program, args, {
    cwd,
    ...(env && { env }),
    stdio: ['ignore', 'pipe', shown ? 'inherit' : 'pipe'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new Error(`${program} is not on PATH`) : error),
    );
    child.once('close', resolve);
  });
  const [code, stdout, stderr] = await Promise.all([
    ended,
    text(child.stdout!),
    child.stderr ? text(child.stderr) : '',
  ]);
  if (code === 0) return stdout;
  const said = (stderr.trim() || stdout.trim()).split('\n').slice(-5).join('\n');
  throw new Error(`${program} ${args[0] ?? ''} failed (${code}): ${said}`);
}
