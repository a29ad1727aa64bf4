/** One suite in a process of its own: `unit`, `attempts`, `attacks`, or one of stories: `e2e [pattern…]`, `extended [pattern…]`. Tells its parent the totals. */
import Mocha from 'mocha';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { aroundStories, storyHooks } from './e2e/support/hooks.ts';
import { stagesOf, type Stage } from './e2e/stages.ts';
import { sum, type Totals } from './support/totals.ts';

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

const STORIES = { e2e: 'test/e2e/*.test.ts', extended: 'test/e2e/extended/*.test.ts' };
/** Trials that run at once where no other files go on. */
const WIDTH = 8;
const HOOKS = join(import.meta.dirname, 'e2e/support/hooks.ts');

function stageSuite({ files, jobs }: Stage, titles: string[] = []): Mocha {
  const parallel = jobs > 1;
  const mocha = new Mocha({
    timeout: 6 * MINUTE,
    slow: 10_000,
    reporter: 'spec',
    color: true,
    ...(parallel && { parallel, jobs, require: [HOOKS] }),
  });
  if (!parallel) mocha.rootHooks(storyHooks(titles.length === 0 ? WIDTH : 0));
  if (titles.length > 0) mocha.grep(new RegExp(titles.join('|'), 'i'));
  for (const file of files) mocha.addFile(join(root, file));
  return mocha;
}

/** A pattern that is part of a file's name chooses the file, any other is looked for in the tests' titles: those are run one after another. */
async function runStories(suite: keyof typeof STORIES, patterns: string[]): Promise<Totals> {
  const stages = stagesOf(globSync(STORIES[suite], { cwd: root }));
  const all = stages.flatMap(({ files }) => files);
  const chosen = all.filter((file) => patterns.some((pattern) => basename(file).includes(pattern)));
  const titles = patterns.filter((pattern) => !all.some((file) => basename(file).includes(pattern)));
  if (patterns.length > 0 || suite === 'extended')
    return run(stageSuite({ files: chosen.length > 0 ? chosen : all, jobs: 1 }, titles));
  const totals: Totals[] = [];
  for (const stage of stages) totals.push(await run(stageSuite(stage)));
  return sum(totals);
}

async function run(mocha: Mocha): Promise<Totals> {
  if (process.env['CI']) mocha.forbidOnly();
  // Files that run beside each other are loaded by their own processes: loaded here too, each of their Trials would be made again by the last stage.
  if (!mocha.options.parallel) await mocha.loadFilesAsync();
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
const totals = isPart(suite)
  ? await run(unitSuite(suite))
  : await aroundStories(() => runStories(suite === 'extended' ? 'extended' : 'e2e', patterns));
const code = totals.failed.length > 0 ? 1 : 0;
if (process.send) process.send(totals, () => process.exit(code));
else process.exit(code);
