/** Runs suites, each in a process of its own; those that need a cluster leave it as they found it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { down, ensureAwsTools, nodes, status, up } from './e2e/cluster/index.ts';
import { closing, IDLE, sum, type Totals } from './support/totals.ts';

const failure = (reason: string): Totals => ({ passed: 0, failed: [reason], skipped: 0 });

type Suite = 'unit' | 'kills' | 'attacks' | 'e2e' | 'extended';

/** Worlds that last for moments leave so much behind that a fifth of the time went into collecting it; in MiB. */
const FLAGS = ['--max-semi-space-size=32'];

/** How a suite runs. */
export interface RunOptions {
  /** Of its tests or files; all by default. */
  patterns?: string[];
  /** Takes the processor time that others leave, and says at its end what it has to say. */
  beside?: boolean;
  /** Called when the suite begins to leave much of the machine idle. */
  onIdle?: () => void;
}

/** Runs one suite and shows what it says. A suite that dies counts as one failure. */
export async function runSuite(
  name: Suite,
  { patterns = [], beside = false, onIdle }: RunOptions = {},
): Promise<Totals> {
  const title = `\n=== ${name} tests ===\n`;
  if (!beside) process.stdout.write(title);
  const command = [
    process.execPath,
    ...FLAGS,
    join(import.meta.dirname, 'mocha-process.ts'),
    name,
    ...patterns,
  ];
  const child = spawn('nice', ['-n', beside ? '10' : '0', ...command], {
    stdio: ['ignore', beside ? 'pipe' : 'inherit', 'inherit', 'ipc'],
    // A test that needs the cluster fails without it; `npm run test:unit` alone skips it.
    env: { ...process.env, SB_E2E: '1' },
  });
  const said: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => void said.push(chunk));
  let totals = failure(`the ${name} tests ended before they had told a result`);
  child.on('message', (message) => {
    if (message === IDLE) onIdle?.();
    else totals = message as Totals;
  });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', pass).on('SIGTERM', pass);
  await once(child, 'close');
  process.off('SIGINT', pass).off('SIGTERM', pass);
  if (beside) process.stdout.write(`${title}${Buffer.concat(said).toString()}`);
  return totals;
}

/** What the stories start as `sb`: the bundle, as it is shipped, takes half the time of the source. */
const bundleSb = (): Promise<unknown> => promisify(execFile)('npm', ['run', '--silent', 'bundle:cli']);

/** Brings the cluster up, does the work, and takes the cluster down again if it was not there before. */
export async function withCluster<Result>(work: () => Promise<Result>): Promise<Result> {
  const wasThere = (await status()).some(
    ({ part, health }) => (nodes as readonly string[]).includes(part) && health !== 'missing',
  );
  try {
    await Promise.all([up(), bundleSb()]);
    // What cannot be had here is missing to the tests against AWS alone, which say so again.
    await ensureAwsTools().catch((error: Error) => process.stderr.write(`${error.message}\n`));
    return await work();
  } finally {
    if (!wasThere) await down();
  }
}

/** Runs the suites one after another, ends with the closing line, and sets the exit code. */
export async function main(suites: (() => Promise<Totals>)[]): Promise<void> {
  const parts: Totals[] = [];
  let interrupted = false;
  const stop = (): void => void (interrupted = true);
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    for (const suite of suites) if (!interrupted) parts.push(await suite());
  } catch (error) {
    parts.push(failure(error instanceof Error ? error.message : String(error)));
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  }
  if (interrupted) parts.push(failure('interrupted'));
  const totals = sum(parts);
  process.stdout.write(`\n${closing(totals)}\n`);
  process.exit(totals.failed.length > 0 ? 1 : 0);
}
