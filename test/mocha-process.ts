/** One suite in a process of its own: `unit`, `attempts`, `attacks`, or one of stories: `e2e [pattern…]`, `extended [pattern…]`. Tells its parent the totals. */
import Mocha from 'mocha';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { interruptible, storyHooks } from './e2e/support/hooks.ts';
import type { Totals } from './support/totals.ts';

const root = join(import.meta.dirname, '..');
const MINUTE = 60_000;

/** How the files of each part begin; all others are `unit`. */
const PARTS = {
  // Whole attempts, and the hand that they work with, in containers: most of their time is waiting.
  attempts: ['src/courier/scenarios/', 'src/courier/hand/'],
  // On rewards, in such attempts, and on the operator, which is killed at every write and at random: that computes.
  attacks: ['test/conformance/attacks/on-', 'test/crash/'],
};
type Part = 'unit' | keyof typeof PARTS;
const PART_NAMES = Object.keys(PARTS) as (keyof typeof PARTS)[];

const partOf = (file: string): Part =>
  PART_NAMES.find((part) => PARTS[part].some((start) => file.startsWith(start))) ?? 'unit';

const isPart = (suite: string | undefined): suite is Part =>
  suite === 'unit' || PART_NAMES.some((part) => part === suite);

/** `npm run test:unit` runs all parts in one process. */
function unitSuite(part: Part): Mocha {
  const { spec, timeout } = JSON.parse(readFileSync(join(root, '.mocharc.json'), 'utf8')) as {
    spec: string[];
    timeout: number;
  };
  const mocha = new Mocha({ timeout, reporter: 'spec', color: true });
  const files = globSync(spec, { cwd: root }).filter((file) => partOf(file) === part);
  for (const file of files.sort()) mocha.addFile(join(root, file));
  return mocha;
}

/** Stories that run beside each other, then the faults, which come one after another, then those of another profile, and at last what must hold after all. */
function inOrder(files: string[]): string[] {
  const rank = (file: string): number =>
    ['faults-', 'aws', 'invariants'].findIndex((start) => basename(file).startsWith(start));
  return files.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

const STORIES = { e2e: 'test/e2e/*.test.ts', extended: 'test/e2e/extended/*.test.ts' };

/** A pattern that is part of a file's name chooses the file, any other is looked for in the tests' titles. */
function storySuite(files: string, patterns: string[]): Mocha {
  const all = inOrder(globSync(files, { cwd: root }));
  const chosen = all.filter((file) => patterns.some((pattern) => basename(file).includes(pattern)));
  const titles = patterns.filter((pattern) => !all.some((file) => basename(file).includes(pattern)));
  const mocha = new Mocha({ timeout: 6 * MINUTE, slow: 10_000, reporter: 'spec', color: true });
  mocha.rootHooks(storyHooks(titles.length === 0));
  if (titles.length > 0) mocha.grep(new RegExp(titles.join('|'), 'i'));
  for (const file of chosen.length > 0 ? chosen : all) mocha.addFile(join(root, file));
  return mocha;
}

async function run(mocha: Mocha): Promise<Totals> {
  if (process.env['CI']) mocha.forbidOnly();
  await mocha.loadFilesAsync();
  return new Promise((resolve) => {
    const failed: string[] = [];
    const runner = mocha.run(() => {
      const { passes: passed = 0, pending: skipped = 0 } = runner.stats ?? {};
      resolve({ passed, failed, skipped });
    });
    runner.on('fail', (test, error: Error | undefined) => {
      failed.push(`${test.fullTitle()}: ${error?.message.split('\n', 1)[0] ?? 'no error'}`);
    });
  });
}

const [suite, ...patterns] = process.argv.slice(2);
interruptible();
const totals = await run(
  isPart(suite)
    ? unitSuite(suite)
    : storySuite(suite === 'extended' ? STORIES.extended : STORIES.e2e, patterns),
);
const code = totals.failed.length > 0 ? 1 : 0;
if (process.send) process.send(totals, () => process.exit(code));
else process.exit(code);
