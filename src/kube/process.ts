/** The operating system's side of an operator: signals, and the end of the process. */
import type { Log } from './types.ts';

/** Calls `stop` at the first SIGTERM or SIGINT; a second one ends the process at once. */
export function stopAtSignal(log: Log, stop: () => Promise<void>): void {
  const stopping = async (signal: string): Promise<void> => {
    log.info({ signal }, 'stopping');
    await stop();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stopping(signal));
}

/** The one place where nobody is left to handle an error: says it in a line, and the kubelet starts the process again. */
export async function runOrDie(name: string, main: () => Promise<void>): Promise<void> {
  await main().catch((error: unknown) => {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}
