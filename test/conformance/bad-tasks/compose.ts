/** A docker-compose.yaml of which something does not map to containers of one Pod, or that Compose would not take. */
import type { BadTask } from './bad-task.ts';

const FILE = 'environment/docker-compose.yaml';

const file = (what: string, text: string, says: RegExp): BadTask => ({
  what: `a compose file with ${what}`,
  files: { [FILE]: text },
  at: FILE,
  says,
});

const SERVICE = 'services:\n  db:\n    image: postgres\n';

/** A service called db with one more line. */
const db = (line: string, says: RegExp, rest = ''): BadTask =>
  file(line.replaceAll('\n', ' '), `${SERVICE}    ${line}\n${rest}`, says);

const documents: BadTask[] = [
  file('no YAML', 'services: [', /is not valid YAML/),
  file('nothing in it', '', /is not valid YAML/),
  file('a list', '- services\n', /is no mapping/),
  file('a key twice', `${SERVICE}    image: mysql\n`, /duplicated mapping key/),
  file('a tag of Compose', 'services: !reset {}\n', /unknown .*tag/),
  file(
    'aliases that grow',
    `${Array.from(
      { length: 9 },
      (_, at) =>
        `a${at}: &a${at} [${Array(10)
          .fill(at === 0 ? 'x' : `*a${at - 1}`)
          .join()}]`,
    ).join('\n')}\n`,
    /more than 10000 values/,
  ),
  file('an alias within itself', 'services: &a [*a]\n', /nested deeper than 32/),
  file('more than anybody writes', `x-a: ${'x'.repeat(70_000)}\n`, /bytes; expected at most 65536/),
  file(
    'too many services',
    `services:\n${Array.from({ length: 16 }, (_, at) => `  s${at}: { image: x }\n`).join('')}`,
    /there are 17 services; expected at most 16/,
  ),
  file('another file in it', `include: [other.yaml]\n${SERVICE}`, /: include: only this one file is read/),
  file('a Secret of Docker', `${SERVICE}secrets: { a: { file: ./a } }\n`, /: secrets: is not mounted here/),
  file('a key of its own', `service: {}\n${SERVICE}`, /: service: Compose knows no such key/),
];

const rights: BadTask[] = [
  db('privileged: true', /services\.db\.privileged: a container of a Trial has no rights of its node/),
  db('cap_add: [NET_ADMIN]', /services\.db\.cap_add: a container of a Trial does not get NET_ADMIN/),
  db('cap_drop: [ALL]', /services\.db\.cap_drop: a container keeps/),
  db('devices: ["/dev/kvm:/dev/kvm"]', /services\.db\.devices: no device of a node/),
  db('gpus: all', /services\.db\.gpus: GPUs are given to main alone/),
  db('pid: host', /services\.db\.pid: a container has its own processes/),
  db('ipc: host', /services\.db\.ipc: a container has its own processes/),
  db('userns_mode: host', /services\.db\.userns_mode: /),
  db('cgroup_parent: x', /services\.db\.cgroup_parent: /),
  db('group_add: [docker]', /services\.db\.group_add: /),
  db('runtime: nvidia', /services\.db\.runtime: the runtime is the Pod’s/),
  db(
    'security_opt: ["seccomp:unconfined"]',
    /services\.db\.security_opt: seccomp:unconfined is not set here/,
  ),
  db('sysctls: { net.core.somaxconn: 1024 }', /services\.db\.sysctls: the kernel’s settings/),
  db('ulimits: { nofile: 1024 }', /services\.db\.ulimits: no limit of a container/),
  db('pids_limit: 10', /services\.db\.pids_limit: no limit of a container/),
  db('read_only: true', /services\.db\.read_only: a container can write its own files/),
];

const networks: BadTask[] = [
  db('network_mode: host', /services\.db\.network_mode: all services share the network of the Pod/),
  db('network_mode: none', /services\.db\.network_mode: what services may reach is said by phase/),
  db('extra_hosts: ["a:127.0.0.1"]', /services\.db\.extra_hosts: names are looked up/),
  db('dns: 1.1.1.1', /services\.db\.dns: names are looked up/),
  db('mac_address: "02:42:ac:11:00:02"', /services\.db\.mac_address: /),
  db('hostname: api.example.com', /services\.db\.hostname: the name "api\.example\.com" cannot be looked up/),
  db(
    'ports: ["80:80"]\n  web:\n    image: nginx\n    expose: [80]',
    /services\.web\.expose\[0\]: db listens on port 80\/tcp as well/,
  ),
  db('networks: [own]', /services\.main\.networks: main and db share no network/, 'networks: { own: }\n'),
  db(
    'networks: { default: { ipv4_address: 10.0.0.2 } }',
    /networks\.default\.ipv4_address: all services have the one address/,
  ),
  file(
    'a network without internet',
    `${SERVICE}networks: { default: { internal: true } }\n`,
    /networks\.default\.internal: /,
  ),
  file(
    'a network that is there',
    `${SERVICE}networks: { default: { external: true } }\n`,
    /networks\.default\.external: /,
  ),
  file(
    'a range of addresses',
    `${SERVICE}networks: { default: { ipam: { config: [{ subnet: 10.0.0.0/8 }] } } }\n`,
    /networks\.default\.ipam: /,
  ),
  file(
    'a name with an underscore',
    'services: { my_db: { image: x } }\n',
    /services\.my_db: no container and no host of a Pod can be called so/,
  ),
];

const mounts: BadTask[] = [
  db('volumes: ["/etc:/host:ro"]', /services\.db\.volumes\[0\]: \/etc would be a path of the node/),
  db(
    'volumes: ["/var/run/docker.sock:/var/run/docker.sock"]',
    /services\.db\.volumes\[0\]: a container never sees the Docker/,
  ),
  db(
    'volumes: ["../tests:/tests:ro"]',
    /services\.db\.volumes\[0\]: \.\.\/tests lies outside of environment/,
  ),
  db(
    'volumes: ["./none.sql:/init.sql:ro"]',
    /services\.db\.volumes: environment\/none\.sql is not in the task/,
  ),
  db('volumes: ["data:/data"]', /services\.db\.volumes\[0\]: the volume data is not among those/),
  db('volumes: ["/logs/verifier"]', /services\.db\.volumes\[0\]: \/logs is what every container/),
  db(
    'volumes: ["data:/data"]',
    /volumes\.data\.driver_opts: a volume is an empty folder/,
    'volumes: { data: { driver_opts: { type: nfs } } }\n',
  ),
  db(
    'volumes: ["data:/data"]',
    /volumes\.data\.external: nothing is there before a Trial/,
    'volumes: { data: { external: true } }\n',
  ),
  db('volumes_from: [main]', /services\.db\.volumes_from: volumes are shared by their names/),
  db('configs: [a]', /services\.db\.configs: is not mounted here/),
];

const lives: BadTask[] = [
  {
    what: 'a compose file that says nothing of main’s image',
    files: { [FILE]: SERVICE, 'environment/Dockerfile': undefined },
    at: FILE,
    says: /services\.main\.build: environment\/Dockerfile is not in the task/,
  },
  db('extends: { file: other.yaml }', /services\.db\.extends: only this one file is read/),
  db('profiles: [debug]', /services\.db\.profiles: no profile is active/),
  db('scale: 2', /services\.db\.scale: a service is one container/),
  db('deploy: { replicas: 2 }', /services\.db\.deploy\.replicas: a service is one container/),
  db('tty: true', /services\.db\.tty: nobody types into a service/),
  db('post_start: [{ command: x }]', /services\.db\.post_start: nothing is run beside/),
  db('platform: linux/arm64', /services\.db\.platform: linux\/arm64 is not run/),
  db('depends_on: [none]', /services\.db\.depends_on\.none: there is no service none/),
  db('depends_on: { main: { condition: service_healthy } }', /depends_on\.main: main has no healthcheck/),
  db('depends_on: [web]\n  web: { image: x, depends_on: [db] }', /depends_on: db, web wait for each other/),
  db('restart: sometimes', /services\.db\.restart: "sometimes" is no policy/),
  db('mem_limit: much', /services\.db\.mem_limit: "much" is no size/),
  db('healthcheck: { test: [x] }', /services\.db\.healthcheck\.test: expected a command/),
  db('command: run $NOBODY_SET', /services\.db\.command: needs the variable NOBODY_SET/),
  db('env_file: none.env', /services\.db\.env_file: the task has no file environment\/none\.env/),
  db('build: ../src', /services\.db\.build\.context: \.\.\/src is no folder of environment/),
  db('build: { context: ., ssh: [default] }', /services\.db\.build\.ssh: an image is built from context/),
  db('build: ./none', /services\.db\.build: environment\/none\/Dockerfile is not in the task/),
  file(
    'a service without an image',
    'services: { db: { command: x } }\n',
    /services\.db: it has neither image nor build/,
  ),
];

const verifiers: BadTask[] = [
  {
    what: 'services that a separate verifier would have once more',
    files: {
      [FILE]: SERVICE,
      'task.toml': '[agent]\nuser = "agent"\n[verifier]\nenvironment_mode = "separate"\n',
    },
    at: 'task.toml',
    says: /would have all services of docker-compose\.yaml once more/,
  },
  {
    what: 'services of a separate verifier alone',
    files: {
      'tests/docker-compose.yaml': SERVICE,
      'task.toml': '[agent]\nuser = "agent"\n[verifier]\nenvironment_mode = "separate"\n',
    },
    at: 'task.toml',
    says: /a separate verifier with a docker-compose\.yaml of its own is not supported/,
  },
];

export const COMPOSE: readonly BadTask[] = [
  ...documents,
  ...rights,
  ...networks,
  ...mounts,
  ...lives,
  ...verifiers,
];
