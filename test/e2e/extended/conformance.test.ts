import { expect } from 'chai';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { difference, type Found, type Refused } from '../../conformance/tasks/compare.ts';
import { CHAPTERS, RULES } from '../../conformance/tasks/index.ts';
import { AGENTS, IMAGE, type AgentName, type Rule } from '../../conformance/tasks/rule.ts';
import { writeTasks } from '../../conformance/tasks/write.ts';
import { ensureBaseImages } from '../cluster/index.ts';
import { startSb } from '../support/sb.ts';
import { early } from '../support/stories.ts';
import { world } from '../support/world.ts';

/** Small enough for many at once; what does not fit waits for its turn. */
const SMALL = ['--cpus', '0.05', '--memory', '64Mi', '--storage', '1Gi'];

/** For all of them, beside the other stories. */
const ALL_MS = 15 * 60_000;

const rulesOf = (agent: AgentName): Rule[] => RULES.filter((rule) => rule[agent]);

/** What came of each task, by its name. */
type Results = Map<string, Found | Refused>;

interface TrialResult {
  task_name: string;
  reason: string;
  verifier_result: { rewards: Record<string, number> } | null;
  exception_info: { exception_type: string; exception_message: string } | null;
}

async function foundIn(trial: string): Promise<[task: string, found: Found]> {
  const text = await readFile(join(trial, 'result.json'), 'utf8');
  const { task_name, reason, verifier_result, exception_info } = JSON.parse(text) as TrialResult;
  const task = basename(task_name);
  const paths = Object.keys(RULES.find((rule) => rule.task === task)?.results ?? {});
  const contents = paths.map((path) => readFile(join(trial, path), 'utf8').catch(() => undefined));
  const files = Object.fromEntries((await Promise.all(contents)).map((read, at) => [paths[at], read]));
  const rewards = verifier_result?.rewards ?? null;
  return [task, { rewards, reason, exception: exception_info?.exception_type ?? null, files }];
}

/** `sb cloud run` of all tasks that tell something with this agent. */
async function runWith(agent: AgentName, cwd: string): Promise<Results> {
  const namespace = await world().makeNamespace();
  const rules = rulesOf(agent);
  await writeTasks(join(cwd, agent), rules);
  const run = `conformance-${agent}-${namespace}`;
  const args = ['cloud', 'run', '-t', agent, '-a', agent, '--run-name', run, '--skip-invalid', ...SMALL];
  const { stderr } = await startSb(args, { cwd, namespace }).end;
  const job = join(cwd, 'jobs', run);
  const entries = await readdir(job, { withFileTypes: true }).catch((cause: unknown) => {
    throw new Error(`sb copied nothing: ${stderr}`, { cause });
  });
  const trials = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  const ran = await Promise.all(trials.map(({ name }) => foundIn(join(job, name))));
  const refused = rules.flatMap(({ task }): [string, Refused][] => {
    const told = stderr
      .split('\n')
      .find((line) => line.startsWith('left out: ') && line.includes(`/${task}/`));
    return told === undefined ? [] : [[task, { refused: told }]];
  });
  return new Map<string, Found | Refused>([...refused, ...ran]);
}

async function runAll(): Promise<{ cwd: string; results: Record<AgentName, Results> }> {
  const cwd = await mkdtemp(join(tmpdir(), 'sb-conformance-'));
  await ensureBaseImages([IMAGE]);
  const [oracle, nop] = await Promise.all([runWith('oracle', cwd), runWith('nop', cwd)]);
  return { cwd, results: { oracle, nop } };
}

describe('Harbor’s format', () => {
  const finished = early(runAll);
  let cwd: string | undefined;
  let results: Record<AgentName, Results>;

  before(async function () {
    this.timeout(ALL_MS);
    ({ cwd, results } = await finished());
  });
  after(async () => {
    if (cwd !== undefined) await rm(cwd, { recursive: true, force: true });
  });

  for (const [chapter, rules] of Object.entries(CHAPTERS))
    describe(chapter, () => {
      for (const rule of rules)
        it(rule.rule, () => {
          const wrong = AGENTS.flatMap((agent) => {
            const expected = rule[agent];
            const told = expected && difference(rule, expected, results[agent].get(rule.task));
            return told === undefined ? [] : [`${agent}: ${told}`];
          });
          expect(wrong, wrong.join('\n')).to.deep.equal([]);
        });
    });
});
