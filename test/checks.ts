/** What holds of the sources whatever the tests say: lint, format, generated files, the checks of sbd. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { sum, type Totals } from './support/totals.ts';

const root = join(import.meta.dirname, '..');
const CACHE = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'sb-operator');

const GENERATED =
  'config charts docs/reference docs/architecture.md docs/tasks.md docs/conformance.md docs/agents.md docs/integrity.md sbd/main.go src/crds/agent-table.ts src/agents/registry.ts src/installation/aws/stacks/resource-types.ts'.split(
    ' ',
  );

/** Runs a command to its end, with what processor time all else leaves; resolves to what it said and whether it ended well. */
async function ended(command: string, args: string[]): Promise<{ well: boolean; said: string }> {
  const child = spawn('nice', ['-n', '19', command, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => void said.push(chunk));
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', pass).on('SIGTERM', pass);
  const [code] = (await once(child, 'close')) as [number | null];
  process.off('SIGINT', pass).off('SIGTERM', pass);
  return { well: code === 0, said: Buffer.concat(said).toString() };
}

/** Says at once what came of it: the tests beside it write to the same log. */
function told(name: string, { well, said }: { well: boolean; said: string }): Totals {
  process.stdout.write(`\n=== ${name}: ${well ? 'passed' : 'FAILED'} ===\n${said}`);
  return { passed: well ? 1 : 0, failed: well ? [] : [name], skipped: 0 };
}

/** Writes generated files anew. Nothing else may run meanwhile: they are whole only at its end. */
export async function checkGenerated(): Promise<Totals> {
  const generated = await ended('npm', ['run', '--silent', 'generate']);
  if (!generated.well) return told('generated files', generated);
  const { well, said } = await ended('git', ['status', '--porcelain', '--', ...GENERATED]);
  if (said === '') return told('generated files', { well, said });
  return told('generated files', {
    well: false,
    said: `npm run generate changes these; commit them:\n${said}`,
  });
}

const prettier = ['--log-level', 'warn', '--check', '.', '--cache', '--cache-strategy', 'content'];

const CHECKS: [name: string, command: string, args: string[]][] = [
  ['lint', 'npm', ['run', '--silent', 'lint']],
  // What has not changed since a run before looks as it did then.
  ['format', 'node_modules/.bin/prettier', [...prettier, '--cache-location', join(CACHE, 'prettier')]],
  ['sbd', 'npm', ['run', '--silent', 'test:sbd']],
];

/** All the others, one after another, while tests and stories run: they take what those leave idle. */
export async function checkSources(): Promise<Totals> {
  const totals: Totals[] = [];
  let interrupted = false;
  const stop = (): void => void (interrupted = true);
  process.on('SIGINT', stop).on('SIGTERM', stop);
  for (const [name, command, args] of CHECKS)
    if (!interrupted) totals.push(told(name, await ended(command, args)));
  process.off('SIGINT', stop).off('SIGTERM', stop);
  return sum(totals);
}
