/** One suite in a process of its own: `unit`; `kills`, the unit tests of the operator that is killed; `attacks`, of both those on the operator and on rewards; or one of stories: `e2e [pattern…]`, `extended [pattern…]`. Tells its parent the totals, and when stories leave much of the machine idle. */
import Mocha from 'mocha';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { aroundStories, storyHooks } from './e2e/support/hooks.ts';
import { stagesOf, type Stage } from './e2e/stages.ts';
import { IDLE, reasonOf, sum, type Totals } from './support/totals.ts';

const root = join(import.meta.dirname, '..');
const MINUTE = 60_000;

/** How unit tests begin that come first, so that none of them is waited for alone at the end. */
const LONGEST = [
  'test/crash/',
  'src/courier/scenarios/',
  'test/conformance/attacks/on-',
  'src/courier/hand/',
  'src/cli/',
  'src/client/',
  'src/broker/',
];
/** They compute, and wait for nothing, so that they may take what others leave; those that are excepted have real connections, which time out. */
const isKill = (file: string): boolean =>
  file.startsWith('test/crash/') && !/^test\/crash\/(wire|codebuild)/.test(file);
const UNIT = {
  unit: (file: string) => !isKill(file),
  kills: isKill,
  attacks: (file: string) =>
    file.startsWith('test/crash/') || file.startsWith('test/conformance/attacks/on-'),
};
/** They wait so often that fewer processes would leave cores idle. */
const UNIT_JOBS = 5;

const rank = (file: string): number => [...LONGEST, ''].findIndex((start) => file.startsWith(start));

/** `npm run test:unit` runs all of them in one process. */
function unitSuite(name: keyof typeof UNIT): Mocha {
  const { spec, timeout } = JSON.parse(readFileSync(join(root, '.mocharc.json'), 'utf8')) as {
    spec: string[];
    timeout: number;
  };
  const limit = name === 'kills' ? 10 * MINUTE : timeout;
  const mocha = new Mocha({ timeout: limit, reporter: 'spec', color: true, parallel: true, jobs: UNIT_JOBS });
  const files = globSync(spec, { cwd: root }).filter(UNIT[name]).sort();
  for (const file of files.toSorted((one, other) => rank(one) - rank(other))) mocha.addFile(join(root, file));
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
  if (patterns.length > 0 || suite === 'extended') {
    const totals = await run(stageSuite({ files: chosen.length > 0 ? chosen : all, jobs: 1 }, titles));
    return isEmpty(totals)
      ? { ...totals, failed: [`no file or test has ${patterns.join(', ')} in its name`] }
      : totals;
  }
  const totals: Totals[] = [];
  for (const [index, stage] of stages.entries()) {
    if (index === 1) process.send?.(IDLE);
    totals.push(await run(stageSuite(stage)));
  }
  return sum(totals);
}

const isEmpty = ({ passed, failed, skipped }: Totals): boolean => passed + failed.length + skipped === 0;

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
      failed.push(`${test.fullTitle()}: ${error ? reasonOf(error) : 'no error'}`);
    });
  });
}

const [suite, ...patterns] = process.argv.slice(2);
const totals =
  suite === 'unit' || suite === 'kills' || suite === 'attacks'
    ? await run(unitSuite(suite))
    : await aroundStories(() => runStories(suite === 'extended' ? 'extended' : 'e2e', patterns));
const code = totals.failed.length > 0 ? 1 : 0;
if (process.send) process.send(totals, () => process.exit(code));
else process.exit(code);
