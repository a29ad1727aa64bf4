/** Services beside main. */
import { checks, earns, from, IMAGE, refused } from './rule.ts';
import type { Rule } from './rule.ts';

const FILE = 'environment/docker-compose.yaml';
const DOCKERFILE = { 'environment/Dockerfile': `FROM ${IMAGE}\n` };
const compose = (text: string): Record<string, string> => ({ ...DOCKERFILE, [FILE]: text });

/** A service that says something over the network of all, and only once. */
const teller = (more = ''): string =>
  `services:
  side:
    image: ${IMAGE}
    command: [bash, -c, "echo told > /tmp/told; exec sleep infinity"]
    healthcheck: { test: test -e /tmp/told, interval: 1s }
${more}`;

const compositions = from('environments/docker/docker.py: _docker_compose_paths', [
  {
    task: 'compose',
    rule: 'environment/docker-compose.yaml may take the place of a Dockerfile.',
    toml: '[environment]\n',
    files: { [FILE]: `services:\n  main:\n    image: ${IMAGE}\n` },
    nop: earns(1),
    differs: {
      harbor: 'builds environment/, too, and fails without a Dockerfile',
      because: 'an image is an image: docker_image does the same',
    },
  },
  {
    task: 'compose-names',
    rule: 'Services are found by their names, and their aliases.',
    toml: '[environment]\n',
    files: compose(teller('    networks: { default: { aliases: [other] } }\n')),
    tests: checks('getent hosts side && getent hosts other && getent hosts main'),
    nop: earns(1),
  },
  {
    task: 'compose-environment',
    rule: 'environment.env reaches main before its environment in the file, and no other service.',
    toml: '[environment]\n[environment.env]\nA = "toml"\n',
    files: compose(`services:
  main:
    environment: { A: file, B: file }
    volumes: ["shared:/shared"]
  side:
    image: ${IMAGE}
    environment: { C: "$A" }
    command: [bash, -c, 'echo "$\${A:-none} $$C" > /shared/said; exec sleep infinity']
    volumes: ["shared:/shared"]
    healthcheck: { test: test -e /shared/said, interval: 1s }
volumes: { shared: }
`),
    tests: checks('[ "$A $B, $(cat /shared/said)" = "toml file, none toml" ]'),
    nop: earns(1),
  },
  {
    task: 'compose-order',
    rule: 'The agent begins when services are healthy, in the order of depends_on.',
    toml: '[environment]\n',
    files: compose(
      `services:\n  main: { volumes: ["shared:/shared"] }\n  last:\n    image: ${IMAGE}\n    command: [bash, -c, "cat /shared/first > /shared/last; exec sleep infinity"]\n    volumes: ["shared:/shared"]\n    depends_on: { first: { condition: service_completed_successfully } }\n    healthcheck: { test: test -e /shared/last, interval: 1s }\n  first: { image: ${IMAGE}, command: [bash, -c, "sleep 2; echo 1 > /shared/first"], volumes: ["shared:/shared"] }\nvolumes: { shared: }\n`,
    ),
    tests: checks('[ "$(cat /shared/last)" = 1 ]'),
    nop: earns(1),
  },
  {
    task: 'compose-files',
    rule: 'Files of environment/ are mounted where the file says.',
    toml: '[environment]\n',
    files: {
      ...compose('services:\n  main: { volumes: ["./data:/srv/data:ro", "./one.txt:/srv/other.txt:ro"] }\n'),
      'environment/data/a.txt': 'a\n',
      'environment/one.txt': 'one\n',
    },
    tests: checks('[ "$(cat /srv/data/a.txt /srv/other.txt)" = "$(printf "a\\none")" ]'),
    nop: earns(1),
  },
  {
    task: 'compose-volumes',
    rule: 'A named volume begins with what the image has at its path, and is one for all that mount it.',
    toml: '[environment]\n',
    files: {
      'environment/Dockerfile': `FROM ${IMAGE}\nRUN mkdir -m 700 /srv/data && echo own > /srv/data/seed && chown -R games /srv/data\n`,
      [FILE]: `services:
  main: { volumes: ["data:/srv/data"] }
  side:
    image: ${IMAGE}
    command: [bash, -c, "until [ -e /d/seed ]; do sleep 0.1; done; echo side > /d/more; exec sleep infinity"]
    volumes: ["data:/d"]
    depends_on: [main]
    healthcheck: { test: test -e /d/more, interval: 1s }
volumes: { data: }
`,
    },
    tests: checks(
      '[ "$(cd /srv/data; cat seed more; stat -c "%U %a" .)" = "$(printf "own\\nside\\ngames 700")" ]',
    ),
    nop: earns(1),
  },
  {
    task: 'compose-build',
    rule: 'A service may be built of a folder of environment/.',
    toml: '[environment]\n',
    files: {
      ...compose(
        'services:\n  main: { volumes: ["shared:/shared"] }\n  side:\n    build: { context: ./side, args: { WORD: built } }\n    volumes: ["shared:/shared"]\n    healthcheck: { test: test -e /shared/word, interval: 1s }\nvolumes: { shared: }\n',
      ),
      'environment/side/Dockerfile': `FROM ${IMAGE}\nARG WORD\nENV WORD=$WORD\nCMD ["bash", "-c", "echo $WORD > /shared/word; exec sleep infinity"]\n`,
    },
    tests: checks('[ "$(cat /shared/word)" = built ]'),
    nop: earns(1),
  },
  {
    task: 'compose-refused',
    rule: 'A service may have the rights of its host.',
    toml: '[environment]\n',
    files: compose(teller('    privileged: true\n')),
    nop: refused('services.side.privileged'),
    differs: {
      harbor: 'runs it with all rights of the machine',
      because: 'a container of a Trial never gets the rights of its node',
    },
  },
]);

const collections = from('trial/trial.py: _collect_artifacts_phased', [
  {
    task: 'compose-collect',
    rule: 'Hooks and artifacts may be those of a service.',
    toml: '[environment]\n[[artifacts]]\nsource = "/tmp/dump"\nservice = "side"\n[[verifier.collect]]\ncommand = "cp /tmp/told /tmp/dump"\nservice = "side"\n',
    files: compose(teller()),
    nop: earns(1),
    results: { 'output/tmp/dump': /^told\n$/ },
  },
  {
    task: 'compose-collect-unknown',
    rule: 'They name services that are there.',
    toml: '[environment]\n[[artifacts]]\nsource = "/tmp/dump"\nservice = "nobody"\n',
    files: compose(teller()),
    nop: refused('artifacts'),
    differs: { harbor: 'warns once the agent has ended', because: 'nothing needs to run to know that' },
  },
]);

export const SERVICES: Rule[] = [...compositions, ...collections];
