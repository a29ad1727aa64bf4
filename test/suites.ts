/** Runs suites, each in a process of its own; those that need a cluster leave it as they found it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { down, ensureAwsTools, nodes, status, up } from './e2e/cluster/index.ts';
import { closing, sum, type Totals } from './support/totals.ts';

const failure = (reason: string): Totals => ({ passed: 0, failed: [reason], skipped: 0 });

type Suite = 'unit' | 'attacks' | 'e2e' | 'extended';

/** Worlds that last for moments leave so much behind that a fifth of the time went into collecting it; in MiB. */
const FLAGS = ['--max-semi-space-size=32'];

/** Runs one suite, of it the tests that `patterns` choose, and shows what it says. A suite that dies counts as one failure. */
export async function runSuite(name: Suite, patterns: string[] = []): Promise<Totals> {
  process.stdout.write(`\n=== ${name} tests ===\n`);
  const child = spawn(
    process.execPath,
    [...FLAGS, join(import.meta.dirname, 'mocha-process.ts'), name, ...patterns],
    // A test that needs the cluster fails without it; `npm run test:unit` alone skips it.
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, SB_E2E: '1' } },
  );
  let totals = failure(`the ${name} tests ended before they had told a result`);
  child.on('message', (message) => void (totals = message as Totals));
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', pass).on('SIGTERM', pass);
  await once(child, 'close');
  process.off('SIGINT', pass).off('SIGTERM', pass);
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
