/** The solution and the tests: how they are run, when, and as whom. */
import { checks, earns, ENVIRONMENT, fails, from, refused, text } from './rule.ts';
import type { Rule } from './rule.ts';

const DONE = checks('[ -e /tmp/done ]');

const solutions = from('agents/oracle.py: run', [
  {
    task: 'solution-exit-code',
    rule: 'The exit code of the solution is kept in agent/exit-code.txt, and the tests run.',
    solution: 'touch /tmp/done; exit 3',
    tests: DONE,
    oracle: earns(1),
    results: { 'agent/exit-code.txt': /^3\n?$/ },
  },
  {
    task: 'solution-output',
    rule: 'agent/oracle.txt has both streams of the solution; without a failure there is no exit-code.txt.',
    solution: 'touch /tmp/done; echo to stdout; echo to stderr >&2',
    tests: DONE,
    oracle: earns(1),
    results: { 'agent/oracle.txt': /^to stdout\nto stderr\n$/, 'agent/exit-code.txt': false },
  },
  {
    task: 'solution-frontend',
    rule: 'The solution has DEBIAN_FRONTEND=noninteractive, the tests do not.',
    solution: 'echo "$DEBIAN_FRONTEND" > /tmp/frontend',
    tests: checks('[ "$(cat /tmp/frontend)" = noninteractive ] && [ -z "$DEBIAN_FRONTEND" ]'),
    oracle: earns(1),
  },
  {
    task: 'solution-folder',
    rule: 'All of solution/ is in /solution, executable bits and links included; only oracle has it.',
    solution: '/solution/bin/tool > /tmp/said; cat /solution/alias >> /tmp/said',
    files: {
      'solution/bin/tool': { text: '#!/bin/sh\necho one\n', mode: 0o755 },
      'solution/two.txt': 'two\n',
      'solution/alias': { link: 'two.txt' },
    },
    tests: checks('[ "$(cat /tmp/said)" = "$(printf "one\\ntwo")" ]'),
    oracle: earns(1),
    nop: earns(0),
  },
  {
    task: 'solution-missing',
    rule: 'oracle needs solution/solve.sh, no other agent does.',
    oracle: refused('solution/solve.sh'),
    nop: earns(1),
    differs: {
      harbor: 'oracle: FileNotFoundError after the environment has started',
      because: 'nothing needs to run to know that',
    },
  },
]);

const interpreters = from('utils/scripts.py: build_execution_command, needs_chmod', [
  {
    task: 'script-not-executable',
    rule: 'Scripts are made executable.',
    files: {
      'solution/solve.sh': { text: '#!/bin/sh\ntouch /tmp/done\n', mode: 0o644 },
      'tests/test.sh': { text: `#!/bin/bash\n${DONE}\n`, mode: 0o644 },
    },
    oracle: earns(1),
  },
  {
    task: 'script-interpreter',
    rule: 'Scripts are run by what their first line names, with its arguments.',
    files: {
      'solution/solve.sh': '#!/bin/sh -eu\necho "$-" > /tmp/flags\n',
      'tests/test.sh':
        '#!/usr/bin/env -S sh -eu\necho "$-" >> /tmp/flags\ngrep -c "e.*u\\|u.*e" /tmp/flags > /logs/verifier/reward.txt\n',
    },
    oracle: earns(2),
  },
  {
    task: 'script-without-interpreter',
    rule: 'Scripts whose first line names no interpreter are run by a shell.',
    files: {
      'solution/solve.sh': 'touch /tmp/done\n',
      'tests/test.sh': '[ -e /tmp/done ] && echo 1 > /logs/verifier/reward.txt\n',
    },
    oracle: earns(1),
  },
  {
    task: 'solution-carriage-return',
    rule: 'A solution with CRLF does not start; the tests run.',
    files: { 'solution/solve.sh': '#!/bin/bash\r\ntouch /tmp/done\r\n' },
    tests: DONE,
    oracle: earns(0, 'InterpreterNotFoundError'),
    differs: {
      harbor: 'the shell’s exit code 127 in agent/exit-code.txt, no exception',
      because: 'a solution that never ran is told as such',
    },
  },
  {
    task: 'tests-carriage-return',
    rule: 'Tests with CRLF do not start, and there is no reward.',
    files: { 'tests/test.sh': '#!/bin/bash\r\necho 1 > /logs/verifier/reward.txt\r\n' },
    nop: fails('RewardMissing', 'InterpreterNotFoundError'),
    differs: {
      harbor: 'RewardFileNotFoundError',
      because: 'no reward either way; the exception says why',
    },
  },
]);

const order = from('trial/single_step.py: run; verifier/verifier.py: verify', [
  {
    task: 'tests-after-agent',
    rule: '/tests is not there while the agent works.',
    solution: 'ls /tests > /tmp/seen 2>&1; touch /tmp/done',
    tests: checks('[ -e /tmp/done ] && ! grep -q test.sh /tmp/seen && [ -e /tests/test.sh ]'),
    oracle: earns(1),
  },
  {
    task: 'solution-oracle-only',
    rule: '/solution is not there for another agent.',
    solution: 'exit 0',
    tests: checks('[ ! -e /solution/solve.sh ]'),
    nop: earns(1),
  },
  {
    task: 'agent-background',
    rule: 'What the agent leaves running runs on beside the tests.',
    solution: 'setsid sleep 600 > /dev/null 2>&1 &\necho $! > /tmp/pid',
    tests: checks('kill -0 "$(cat /tmp/pid)"'),
    oracle: earns(1),
  },
  {
    task: 'container-shared',
    rule: 'Agent and tests share one container: what the agent wrote is where it wrote it.',
    solution: 'mkdir -p /opt/made && echo x > /opt/made/x',
    tests: checks('[ "$(cat /opt/made/x)" = x ]'),
    oracle: earns(1),
    nop: earns(0),
  },
  {
    task: 'logs-verifier-cleared',
    rule: 'Nothing that the agent left in /logs/verifier is there for the tests.',
    solution: 'echo x > /logs/verifier/mine',
    tests: checks('[ ! -e /logs/verifier/mine ]'),
    oracle: earns(1),
    results: { 'verifier/mine': false },
    differs: {
      harbor: 'removes reward.txt and reward.json alone',
      because: 'what lies there counts as the verifier’s',
    },
  },
]);

const times = from('trial/trial.py: agent and verifier timeouts', [
  {
    task: 'timeout-agent',
    rule: 'An agent that exceeds agent.timeout_sec is recorded, and the tests run.',
    toml: '[agent]\ntimeout_sec = 2\n',
    solution: 'touch /tmp/done; sleep 600',
    tests: DONE,
    oracle: earns(1, 'AgentTimeoutError'),
  },
  {
    task: 'timeout-verifier',
    rule: 'Tests that exceed verifier.timeout_sec leave no reward, even where they have written one.',
    toml: '[verifier]\ntimeout_sec = 1.5\n',
    tests: `${text('1')}; sleep 600`,
    nop: fails('VerifierTimeout', 'VerifierTimeoutError'),
  },
]);

const WHO = 'id -un > /tmp/who; id -u >> /tmp/who; echo "$HOME" >> /tmp/who';
const who = (...lines: string[]): string =>
  checks(`[ "$(cat /tmp/who)" = "$(printf '${lines.join('\\n')}')" ] && [ "$(id -u)" = 0 ]`);

const users = from('models/task/config.py: AgentConfig.user, VerifierConfig.user', [
  {
    task: 'user-default',
    rule: 'Agent and tests run as the image’s user, root without one.',
    solution: WHO,
    tests: who('root', '0', '/root'),
    oracle: earns(1),
  },
  {
    task: 'user-agent-name',
    rule: 'agent.user names the agent’s user, with that user’s HOME; the tests keep theirs.',
    toml: '[agent]\nuser = "games"\n',
    solution: WHO,
    tests: who('games', '5', '/usr/games'),
    oracle: earns(1),
  },
  {
    task: 'user-agent-number',
    rule: 'A user may be a number that the image does not know.',
    toml: '[agent]\nuser = 4321\n',
    solution: 'id -u > /tmp/who',
    tests: checks('[ "$(cat /tmp/who)" = 4321 ]'),
    oracle: earns(1),
  },
  {
    task: 'user-verifier',
    rule: 'verifier.user names the tests’ user; what it writes into /logs/verifier is the reward.',
    toml: '[verifier]\nuser = "nobody"\n',
    tests: checks('[ "$(id -un)" = nobody ]'),
    nop: earns(1),
  },
  {
    task: 'user-both',
    rule: 'Agent and tests may each have a user of their own; both may write their logs.',
    toml: '[agent]\nuser = 1000\n[verifier]\nuser = 1001\n',
    solution:
      'for dir in agent verifier artifacts; do echo x > /logs/$dir/x || exit 1; done; id -u > /tmp/who',
    tests: checks('[ "$(cat /tmp/who) $(id -u)" = "1000 1001" ]'),
    oracle: earns(1),
    results: { 'agent/x': /^x$/m, 'output/x': /^x$/m, 'agent/exit-code.txt': false },
  },
  {
    task: 'user-unknown',
    rule: 'A user that the image does not know is an error before the tests.',
    toml: '[verifier]\nuser = "no-such-user"\n',
    nop: fails('TaskInvalid', 'TaskInvalid'),
    differs: {
      harbor: 'RewardFileNotFoundError, since the tests do not start',
      because: 'no reward either way; the reason names the user',
    },
  },
  {
    task: 'workdir',
    rule: 'environment.workdir is where solution and tests begin.',
    toml: `${ENVIRONMENT}workdir = "/var/tmp"\n`,
    solution: 'pwd > /tmp/where',
    tests: checks('[ "$(cat /tmp/where) $PWD" = "/var/tmp /var/tmp" ]'),
    oracle: earns(1),
  },
  {
    task: 'workdir-missing',
    rule: 'A workdir that the image does not have is an error.',
    toml: `${ENVIRONMENT}workdir = "/no/such/folder"\n`,
    nop: fails('TaskInvalid', 'TaskInvalid'),
    differs: { harbor: 'RuntimeError', because: 'no reward either way; the reason names the folder' },
  },
]);

export const SCRIPTS: Rule[] = [...solutions, ...interpreters, ...order, ...times, ...users];
