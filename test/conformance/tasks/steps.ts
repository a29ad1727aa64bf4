/** Tasks of several steps. */
import { checks, earns, ENVIRONMENT, json, text } from './rule.ts';
import type { Rule, TaskFile } from './rule.ts';

interface StepFiles {
  /** Below its `[[steps]]`. */
  toml?: string;
  solution?: string;
  /** Null: the shared tests are its own. */
  tests?: string | null;
  files?: Record<string, TaskFile>;
}

type Steps = Record<string, StepFiles>;
type Head = Omit<Rule, 'solution' | 'tests' | 'source'> & { source?: string };

const script = (lines: string): string => `#!/bin/bash\n${lines}\n`;

function filesOf(name: string, { solution = ':', tests = text('1'), files = {} }: StepFiles) {
  return {
    [`steps/${name}/instruction.md`]: `Do ${name}.\n`,
    [`steps/${name}/solution/solve.sh`]: script(solution),
    ...(tests !== null && { [`steps/${name}/tests/test.sh`]: script(tests) }),
    ...Object.fromEntries(Object.entries(files).map(([path, file]) => [`steps/${name}/${path}`, file])),
  };
}

function stepped(head: Head, steps: Steps): Rule {
  const tables = Object.entries(steps).map(([name, { toml = '' }]) => `[[steps]]\nname = "${name}"\n${toml}`);
  const files = Object.entries(steps).map(([name, step]) => filesOf(name, step));
  return {
    source: 'trial/multi_step.py',
    ...head,
    toml: [head.toml ?? ENVIRONMENT, ...tables].join('\n'),
    files: Object.assign({}, ...files, head.files) as Record<string, TaskFile>,
  };
}

const IN_STEP = {
  harbor: 'exception_info of the step has it, that of the Trial is null',
  because:
    'the same rewards; that of the Trial names the first of its steps’, so that lists and counts of errors show it',
};

const order: Rule[] = [
  stepped(
    {
      task: 'steps-order',
      rule: 'Steps run in the order of task.toml in one container; the reward is the mean of theirs.',
      oracle: earns(0.75),
      nop: earns(0.25),
      results: {
        'steps/first/verifier/reward.txt': /^1$/,
      },
    },
    {
      second: { solution: 'echo a > /tmp/a', tests: checks('[ "$(cat /tmp/a)" = a ]') },
      first: { solution: 'echo b >> /tmp/a', tests: text('1') },
      third: { solution: ':', tests: checks('[ "$(echo $(cat /tmp/a))" = "a b" ]') },
      fourth: { tests: text('0') },
    },
  ),
  stepped(
    {
      task: 'steps-tests',
      rule: 'A step’s own tests lie over the shared ones; where it has no test.sh, the shared one runs.',
      files: {
        'tests/test.sh': script(checks('[ "$(cat /tests/whose) $(cat /tests/shared)" = "own shared" ]')),
        'tests/whose': 'shared\n',
        'tests/shared': 'shared\n',
      },
      nop: earns(1),
    },
    {
      one: { tests: null, files: { 'tests/whose': 'own\n' } },
      two: { tests: checks('[ "$(cat /tests/whose)" = shared ]') },
    },
  ),
  stepped(
    {
      task: 'steps-emptied',
      rule: 'A step sees neither tests nor verifier’s files of those before it.',
      oracle: earns(1),
    },
    {
      one: { tests: `${text('1')}; echo x > /logs/verifier/x`, files: { 'tests/secret': 'x\n' } },
      two: {
        solution: 'find /tests /logs/verifier -type f > /tmp/seen 2> /dev/null; touch /tmp/looked',
        tests: checks('[ -e /tmp/looked ] && [ ! -s /tmp/seen ] && [ ! -e /tests/secret ]'),
      },
    },
  ),
  stepped(
    {
      task: 'steps-solution',
      rule: 'A step without a solution of its own has the shared one.',
      files: { 'solution/solve.sh': script('echo shared > /tmp/whose') },
      oracle: earns(1),
    },
    {
      one: { tests: checks('[ "$(cat /tmp/whose)" = own ]'), solution: 'echo own > /tmp/whose' },
      two: { tests: checks('[ "$(cat /tmp/whose)" = own ]') },
    },
  ),
  stepped(
    {
      task: 'steps-workdir',
      rule: 'The files of a step’s workdir/ are put into the workdir, and its setup.sh is run by bash as the step’s agent.',
      toml: `${ENVIRONMENT}workdir = "/srv"\n`,
      oracle: earns(1),
    },
    {
      one: { tests: checks('[ ! -e /srv/data.txt ]') },
      two: {
        toml: 'agent = { user = "games" }\n',
        files: {
          'workdir/data.txt': 'data\n',
          'workdir/setup.sh': {
            text: 'echo "$(id -un) $PWD ${BASH_VERSION:+bash}" > /tmp/setup\n',
            mode: 0o644,
          },
        },
        solution: 'cat data.txt /tmp/setup > /tmp/said',
        tests: checks('[ "$(echo $(cat /tmp/said))" = "data games /srv bash" ]'),
      },
    },
  ),
];

const ends: Rule[] = [
  stepped(
    {
      task: 'steps-setup-fails',
      rule: 'A setup.sh that fails ends the steps; the rewards of those before count.',
      nop: earns(1, 'StepSetupError'),
      differs: { ...IN_STEP, harbor: `RuntimeError: ${IN_STEP.harbor}` },
    },
    { one: {}, two: { files: { 'workdir/setup.sh': 'exit 3\n' } }, three: { tests: text('0') } },
  ),
  stepped(
    {
      task: 'steps-least',
      rule: 'A reward below min_reward ends the steps, and the mean is of those that ran.',
      nop: earns(0.6),
      results: { 'steps/three/verifier/reward.txt': false },
    },
    {
      one: { toml: 'min_reward = 1.0\n' },
      two: { toml: 'min_reward = 0.5\n', tests: text('0.2') },
      three: {},
    },
  ),
  stepped(
    {
      task: 'steps-least-keys',
      rule: 'min_reward may be a table: each key has its least, and a key that is missing is below any.',
      nop: earns({ a: 0.5, b: 1 }),
      results: { 'steps/three/verifier/reward.json': false },
    },
    {
      one: { toml: 'min_reward = { a = 1, b = 0.5 }\n', tests: json('{"a": 1, "b": 1}') },
      two: { toml: 'min_reward = { a = 0 }\n', tests: json('{"b": 1}') },
      three: { tests: json('{"a": 1}') },
    },
  ),
  stepped(
    {
      task: 'steps-final',
      rule: '`multi_step_reward_strategy = "final"`: the reward is that of the last step.',
      toml: `multi_step_reward_strategy = "final"\n${ENVIRONMENT}`,
      nop: earns({ reward: 0.25 }),
    },
    { one: {}, two: { tests: text('0.25') } },
  ),
  stepped(
    {
      task: 'steps-mean-keys',
      rule: 'The mean is by key, and a key that a step has not is 0 there.',
      nop: earns({ reward: 0.5, speed: 2 }),
    },
    { one: { tests: text('1') }, two: { tests: json('{"speed": 4}') } },
  ),
  stepped(
    {
      task: 'steps-timeout',
      rule: 'An agent that exceeds its step’s timeout is recorded, judged, and followed by the next step.',
      oracle: earns(1, 'AgentTimeoutError'),
      differs: IN_STEP,
    },
    {
      one: {
        toml: 'agent = { timeout_sec = 1 }\n',
        solution: 'touch /tmp/one; sleep 600',
        tests: checks('[ -e /tmp/one ]'),
      },
      two: { solution: 'touch /tmp/two', tests: checks('[ -e /tmp/two ]') },
    },
  ),
  stepped(
    {
      task: 'steps-no-reward',
      rule: 'A step without a reward ends the steps; the rewards of those before count.',
      nop: earns(0.5, 'RewardFileNotFoundError'),
      differs: IN_STEP,
    },
    { one: { tests: text('0.5') }, two: { tests: ':' }, three: {} },
  ),
];

const own: Rule[] = [
  stepped(
    {
      task: 'steps-users-env',
      rule: 'Each step may have users and variables of its own.',
      toml: `[agent]\nuser = "games"\n[verifier.env]\nA = "all"\nB = "all"\n${ENVIRONMENT}`,
      oracle: earns(1),
    },
    {
      one: { solution: 'id -un > /tmp/one', tests: checks('[ "$(cat /tmp/one) $A $B" = "games all all" ]') },
      two: {
        toml: 'agent = { user = "root" }\nverifier = { user = "nobody", env = { A = "own" } }\n',
        solution: 'id -un > /tmp/two',
        tests: checks('[ "$(cat /tmp/two) $(id -un) $A $B" = "root nobody own all" ]'),
      },
    },
  ),
  stepped(
    {
      task: 'steps-healthcheck',
      rule: 'A step’s healthcheck is passed before its agent begins; one that never passes ends the steps.',
      oracle: earns(1, 'HealthcheckError'),
      differs: IN_STEP,
    },
    {
      one: {
        toml: 'healthcheck = { command = "touch /tmp/checked" }\n',
        solution: '[ -e /tmp/checked ] && touch /tmp/done',
        tests: checks('[ -e /tmp/done ]'),
      },
      two: {
        toml: 'healthcheck = { command = "exit 1", interval_sec = 0, retries = 1 }\n',
        tests: text('0'),
      },
    },
  ),
  stepped(
    {
      task: 'steps-artifacts',
      rule: 'The task’s artifacts and commands belong to every step, a step’s own to that step.',
      toml: `artifacts = ["/tmp/all.txt"]\n[[verifier.collect]]\ncommand = "echo x >> /tmp/all.txt"\n${ENVIRONMENT}`,
      oracle: earns(1),
      results: {
        'steps/one/output/tmp/all.txt': /^x\n$/,
        'steps/two/output/tmp/all.txt': /^x\nx\n$/,
        'steps/two/output/tmp/two.txt': /^two\n$/,
        'steps/one/output/tmp/two.txt': false,
      },
    },
    { one: {}, two: { toml: 'artifacts = ["/tmp/two.txt"]\n', solution: 'echo two > /tmp/two.txt' } },
  ),
];

export const STEPS: Rule[] = [...order, ...ends, ...own];
