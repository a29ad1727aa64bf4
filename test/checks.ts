/** What holds of the sources whatever the tests say: lint, format, generated files, the checks of sbd. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { sum, type Totals } from './support/totals.ts';

const root = join(import.meta.dirname, '..');
const CACHE = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'sb-operator');

const GENERATED =
  'config charts docs/reference docs/architecture.md docs/tasks.md docs/conformance.md docs/agents.md docs/integrity.md sbd/main.go src/crds/agent-table.ts src/agents/registry.ts src/installation/aws/stacks/resource-types.ts'.split(
    ' ',
  );

interface Ended {
  well: boolean;
  said: string;
}

/** Runs a command to its end, with what processor time all else leaves; resolves to what it said and whether it ended well. */
async function ended([command, ...args]: string[], cwd = root): Promise<Ended> {
  const child = spawn('nice', ['-n', '19', command ?? '', ...args], {
    cwd,
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
function told(name: string, { well, said }: Ended): Totals {
  process.stdout.write(`\n=== ${name}: ${well ? 'passed' : 'FAILED'} ===\n${said}`);
  return { passed: well ? 1 : 0, failed: well ? [] : [name], skipped: 0 };
}

const COPIED = `git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -c | tar -x -C`;

/** Writes generated files anew, in a copy: beside it, tests read those of the checkout. */
async function generated(): Promise<Ended> {
  const copy = mkdtempSync(join(tmpdir(), 'sb-generated-'));
  try {
    const copied = await ended([
      'bash',
      '-o',
      'pipefail',
      '-c',
      `${COPIED} ${copy} && cd ${copy} && git init -q && git add -A`,
    ]);
    if (!copied.well) return copied;
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const written = await ended(['npm', 'run', '--silent', 'generate'], copy);
    if (!written.well) return written;
    const { well, said } = await ended(['git', 'ls-files', '-m', '-o', '-d', '--', ...GENERATED], copy);
    return said === ''
      ? { well, said }
      : { well: false, said: `npm run generate changes these; run it and commit them:\n${said}` };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

const prettier = ['--log-level', 'warn', '--check', '.', '--cache', '--cache-strategy', 'content'];

type Check = [name: string, check: () => Promise<Ended>];

const CHECKS: Check[] = [
  ['generated files', generated],
  ['lint', () => ended(['npm', 'run', '--silent', 'lint'])],
  // What has not changed since a run before looks as it did then.
  [
    'format',
    () => ended(['node_modules/.bin/prettier', ...prettier, '--cache-location', join(CACHE, 'prettier')]),
  ],
  ['sbd', () => ended(['npm', 'run', '--silent', 'test:sbd', 'tests'])],
];
const FUZZ: Check[] = [['fuzz targets of sbd', () => ended(['npm', 'run', '--silent', 'test:sbd', 'fuzz'])]];

/** One after another, with what is idle beside them. */
async function inTurn(checks: Check[]): Promise<Totals> {
  const totals: Totals[] = [];
  let interrupted = false;
  const stop = (): void => void (interrupted = true);
  process.on('SIGINT', stop).on('SIGTERM', stop);
  for (const [name, check] of checks) if (!interrupted) totals.push(told(name, await check()));
  process.off('SIGINT', stop).off('SIGTERM', stop);
  return sum(totals);
}

/** All but the fuzz targets, which take longest. */
export const checkSources = (): Promise<Totals> => inTurn(CHECKS);
export const checkFuzzTargets = (): Promise<Totals> => inTurn(FUZZ);
