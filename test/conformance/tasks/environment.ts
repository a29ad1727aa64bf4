/** What surrounds agent and tests: variables, healthcheck, image, files beside it, tools. */
import { checks, earns, ENVIRONMENT, fails, from } from './rule.ts';
import type { Rule } from './rule.ts';

/** Never set on a machine that tests run on. */
const UNSET = 'SB_CONFORMANCE_UNSET';

const variables = from('models/task/config.py: env of environment, verifier, solution; utils/env.py', [
  {
    task: 'env-environment',
    rule: 'Solution, tests and healthcheck have the variables of environment.env.',
    toml: `${ENVIRONMENT}env = { A = "a b" }\n[environment.healthcheck]\ncommand = 'echo "$A" > /tmp/health'\n`,
    solution: 'echo "$A" > /tmp/solution',
    tests: checks('[ "$A-$(cat /tmp/solution)-$(cat /tmp/health)" = "a b-a b-a b" ]'),
    oracle: earns(1),
  },
  {
    task: 'env-solution',
    rule: 'Only the solution has the variables of solution.env.',
    toml: '[solution.env]\nA = "a"\n',
    solution: 'echo "$A" > /tmp/solution',
    tests: checks('[ "$(cat /tmp/solution)" = a ] && [ -z "$A" ]'),
    oracle: earns(1),
  },
  {
    task: 'env-verifier',
    rule: 'Only the tests have the variables of verifier.env.',
    toml: '[verifier.env]\nA = "a"\n',
    solution: 'echo "-$A-" > /tmp/solution',
    tests: checks('[ "$(cat /tmp/solution)" = "--" ] && [ "$A" = a ]'),
    oracle: earns(1),
  },
  {
    task: 'env-order',
    rule: 'A phase’s own variable goes before the environment’s of that name.',
    toml: `${ENVIRONMENT}env = { A = "all", B = "all" }\n[solution.env]\nA = "solution"\n[verifier.env]\nA = "verifier"\n`,
    solution: 'echo "$A $B" > /tmp/solution',
    tests: checks('[ "$(cat /tmp/solution), $A $B" = "solution all, verifier all" ]'),
    oracle: earns(1),
  },
  {
    task: 'env-default',
    rule: 'A value that is `${NAME:-default}` as a whole is the default where nobody sets NAME.',
    toml: `${ENVIRONMENT}env = { A = "\${${UNSET}:-one two}" }\n[solution.env]\nB = "\${${UNSET}:-three}"\n[verifier.env]\nC = "\${${UNSET}:-}"\n`,
    solution: 'echo "$A,$B" > /tmp/solution',
    tests: checks('[ "$(cat /tmp/solution),$A,${C-none}" = "one two,three,one two," ]'),
    oracle: earns(1),
  },
  {
    task: 'env-literal',
    rule: 'A variable within a value is no variable.',
    toml: `${ENVIRONMENT}env = { A = "a-\${HOME}-$HOME" }\n`,
    tests: checks(`[ "$A" = 'a-\${HOME}-$HOME' ]`),
    nop: earns(1),
  },
]);

const healthchecks = from('environments/base.py: run_healthcheck', [
  {
    task: 'healthcheck-start-period',
    rule: 'Failures in the start period do not count; the agent begins when the check has passed.',
    toml: `${ENVIRONMENT}[environment.healthcheck]\ncommand = "echo x >> /tmp/tries; [ $(wc -l < /tmp/tries) -ge 3 ]"\nstart_period_sec = 60\nstart_interval_sec = 0\nretries = 1\n`,
    solution: 'cp /tmp/tries /tmp/before',
    tests: checks('[ "$(wc -l < /tmp/before)" = 3 ]'),
    oracle: earns(1),
  },
  {
    task: 'healthcheck-retries',
    rule: 'As many failures as retries, less one, are forgiven.',
    toml: `${ENVIRONMENT}[environment.healthcheck]\ncommand = "echo x >> /tmp/tries; [ $(wc -l < /tmp/tries) -ge 3 ]"\ninterval_sec = 0\nretries = 3\n`,
    tests: checks('[ "$(wc -l < /tmp/tries)" = 3 ]'),
    nop: earns(1),
  },
  {
    task: 'healthcheck-fails',
    rule: 'A check that never passes ends it before the agent.',
    toml: `${ENVIRONMENT}[environment.healthcheck]\ncommand = "exit 1"\ninterval_sec = 0\nretries = 2\n`,
    solution: 'exit 0',
    oracle: fails('HealthcheckFailed', 'HealthcheckError'),
    results: { 'agent/oracle.txt': false },
  },
  {
    task: 'healthcheck-timeout',
    rule: 'A check that exceeds its timeout has failed.',
    toml: `${ENVIRONMENT}[environment.healthcheck]\ncommand = "sleep 600"\ntimeout_sec = 1\nretries = 1\n`,
    nop: fails('HealthcheckFailed', 'HealthcheckError'),
    differs: {
      harbor: 'on local Docker a RuntimeError, without a retry; on GKE and EC2 a failure as any other',
      because:
        'no reward either way; Docker’s own HEALTHCHECK, which Harbor says it mirrors, counts it as a failure',
    },
  },
  {
    task: 'healthcheck-user',
    rule: 'The check runs as the image’s user, whoever the agent is.',
    toml: `${ENVIRONMENT}[environment.healthcheck]\ncommand = "id -un > /tmp/who"\n[agent]\nuser = "games"\n`,
    solution: 'id -un > /tmp/agent',
    tests: checks('[ "$(cat /tmp/who) $(cat /tmp/agent)" = "root games" ]'),
    oracle: earns(1),
  },
]);

const images = from('environments/docker/docker.py; models/task/task.py: is_valid_dir', [
  {
    task: 'image-alone',
    rule: 'With docker_image, environment/ may be missing.',
    tests: checks('[ -e /etc/debian_version ]'),
    nop: earns(1),
  },
  {
    task: 'image-seeds',
    rule: 'Files beside a docker_image are put into the workdir, with their bits and links.',
    toml: `${ENVIRONMENT}workdir = "/srv"\n`,
    files: {
      'environment/data/seed.txt': 'seed\n',
      'environment/tool': { text: '#!/bin/sh\ncat /srv/alias\n', mode: 0o755 },
      'environment/alias': { link: 'data/seed.txt' },
    },
    tests: checks('[ "$(./tool)" = seed ] && [ -L alias ]'),
    nop: earns(1),
  },
  {
    task: 'image-built',
    rule: 'Without a docker_image, the image is built of environment/; its USER, WORKDIR and ENV hold.',
    files: {
      'environment/Dockerfile': `FROM debian:bookworm-slim\nENV A=a\nWORKDIR /var/games\nCOPY --chown=5 data.txt .\nUSER games\n`,
      'environment/data.txt': 'data\n',
    },
    solution: 'echo "$(id -un) $A $(cat data.txt)" > /tmp/said',
    tests: checks('[ "$(cat /tmp/said), $(id -un) $A $PWD" = "games a data, games a /var/games" ]'),
    oracle: earns(1),
  },
  {
    task: 'image-entrypoint',
    rule: 'The image’s ENTRYPOINT runs, in place of its CMD something that lasts.',
    files: {
      'environment/Dockerfile':
        'FROM debian:bookworm-slim\nCOPY --chmod=755 start.sh /\nENTRYPOINT ["/start.sh", "own"]\nCMD ["exit"]\n',
      'environment/start.sh': '#!/bin/sh\necho "$1" > /tmp/started\nshift\nexec "$@"\n',
    },
    tests: checks(
      'for try in 1 2 3 4 5; do [ -e /tmp/started ] || sleep 1; done; [ "$(cat /tmp/started)" = own ]',
    ),
    nop: earns(1),
  },
]);

const tools = from('models/task/config.py: EnvironmentConfig', [
  {
    task: 'resources',
    rule: 'Amounts may be fractions and, in their older form, text with a unit.',
    toml: `${ENVIRONMENT}cpus = 0.5\nmemory = "64M"\nstorage = "1G"\ngpus = 0\n`,
    nop: earns(1),
  },
  {
    task: 'tools-ignored',
    rule: 'Skills and MCP servers are nothing to oracle and nop.',
    toml: `${ENVIRONMENT}skills_dir = "/no/such/skills"\n[[environment.mcp_servers]]\nname = "none"\nurl = "http://localhost:1/sse"\n`,
    solution: 'touch /tmp/done',
    tests: checks('[ -e /tmp/done ]'),
    oracle: earns(1),
    nop: earns(0),
  },
]);

export const ENVIRONMENTS: Rule[] = [...variables, ...healthchecks, ...images, ...tools];
