/** Tests in a container of their own. */
import { checks, earns, ENVIRONMENT, fails, from, IMAGE } from './rule.ts';
import type { Rule } from './rule.ts';

const SEPARATE = '[verifier]\nenvironment_mode = "separate"\n';

export const SEPARATE_VERIFIER: Rule[] = from('models/task/verifier_mode.py', [
  {
    task: 'separate',
    rule: 'A separate verifier has a fresh container of the agent’s image, with the tests.',
    toml: SEPARATE,
    solution: 'touch /tmp/done; ln -sf /bin/true /usr/local/bin/grep',
    tests: checks('[ ! -e /tmp/done ] && [ ! -e /usr/local/bin/grep ] && [ -e /tests/test.sh ]'),
    oracle: earns(1),
  },
  {
    task: 'separate-artifacts',
    rule: 'What is declared as artifact, and /logs/artifacts, is there at the path that it had.',
    toml: `artifacts = ["/srv/made", { source = "/tmp/a.txt", destination = "other.txt" }]\n${SEPARATE}`,
    solution:
      'mkdir /srv/made; echo x > /srv/made/x; echo a > /tmp/a.txt; echo l > /logs/artifacts/l; echo n > /tmp/n',
    tests: checks(
      '[ "$(cat /srv/made/x /tmp/a.txt /logs/artifacts/l)" = "$(printf "x\\na\\nl")" ] && [ ! -e /tmp/n ]',
    ),
    oracle: earns(1),
    nop: earns(0),
  },
  {
    task: 'separate-environment',
    rule: 'verifier.environment is an environment of its own, which makes the verifier separate.',
    toml: `[verifier.environment]\nworkdir = "/srv"\nenv = { A = "verifier" }\n${ENVIRONMENT}env = { A = "agent", B = "agent" }\n`,
    solution: 'touch /tmp/done',
    tests: checks('[ "$PWD,$A,$B" = "/srv,verifier," ] && [ ! -e /tmp/done ]'),
    oracle: earns(1),
  },
  {
    task: 'separate-image',
    rule: 'An image of verifier.environment has the tests itself: those of the task are not put into it.',
    toml: `[verifier.environment]\ndocker_image = "${IMAGE}"\n${ENVIRONMENT}`,
    nop: fails('RewardMissing', 'RewardFileNotFoundError'),
  },
  {
    task: 'separate-built',
    rule: 'tests/ with a Dockerfile is the build context of the verifier’s image, which has the tests.',
    toml: SEPARATE,
    files: {
      'tests/Dockerfile': 'FROM debian:bookworm-slim\nCOPY test.sh /tests/test.sh\nRUN touch /built\n',
    },
    tests: checks('[ -e /built ]'),
    nop: earns(1),
  },
  {
    task: 'separate-user',
    rule: 'verifier.user is one of the verifier’s own container.',
    toml: `[agent]\nuser = "games"\n${SEPARATE}user = "nobody"\n`,
    tests: checks('[ "$(id -un)" = nobody ]'),
    nop: earns(1),
  },
  {
    task: 'separate-processes',
    rule: 'What the agent left running is not there.',
    toml: SEPARATE,
    solution:
      'setsid bash -c "while :; do echo 9 > /logs/verifier/reward.txt; sleep 0.1; done" > /dev/null 2>&1 &',
    tests: checks('sleep 1; ! grep -qs 9 /logs/verifier/reward.txt'),
    oracle: earns(1),
  },
]);
