import { expect } from 'chai';
import fc from 'fast-check';
import { composeOf } from './compose.ts';
import { readDocument, type ComposeSource } from './document.ts';
import type { Compose, ComposeService } from './types.ts';
import { composeVariables } from './variables.ts';

const VARIABLES = composeVariables({ cpus: 2, memory_mb: 2048 }, [
  { name: 'TAG', value: '16' },
  { name: 'EMPTY', value: '' },
  { name: 'KEY', secretKeyRef: { name: 'keys', key: 'model' } },
]);

function compose(text: string, files?: ComposeSource['env_files']): Compose {
  const read = readDocument(text);
  if ('fault' in read) throw new Error(read.fault);
  return composeOf({ document: read.document, ...(files && { env_files: files }) }, VARIABLES);
}

/** A service called db, of these lines. */
const ofDb = (lines: string, more = ''): string =>
  `services:\n  db:\n    image: postgres\n${lines.replaceAll(/^/gm, '    ')}\n${more}`;

function db(lines: string, more = ''): ComposeService {
  const { services, problems } = compose(ofDb(lines, more));
  expect(problems).to.deep.equal([]);
  const found = services.find(({ name }) => name === 'db');
  if (!found) throw new Error('there is no db');
  return found;
}

const faults = (text: string): [string, string, string][] =>
  compose(text).problems.map(({ field, kind, says }) => [field, kind, says]);

describe('composeOf', () => {
  it('reads a service with all that a container can have', () => {
    const service = db(
      `user: 70
working_dir: /data
entrypoint: docker-entrypoint.sh
command: postgres -c "max connections=5"
environment: { A: 1, B: null-ish }
healthcheck: { test: [CMD, pg_isready], interval: 1m30s, retries: 5 }
restart: on-failure:3
mem_limit: 1gb
cpus: 0.5
security_opt: [no-new-privileges:true]
hostname: database`,
    );
    expect(service).to.deep.equal({
      name: 'db',
      image: 'postgres',
      entrypoint: ['docker-entrypoint.sh'],
      command: ['postgres', '-c', 'max connections=5'],
      user: '70',
      workdir: '/data',
      healthcheck: {
        argv: ['pg_isready'],
        intervalSeconds: 90,
        timeoutSeconds: 30,
        startPeriodSeconds: 0,
        startIntervalSeconds: 5,
        retries: 5,
      },
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: 'null-ish' },
      ],
      mounts: [],
      names: ['db', 'database'],
      dependsOn: [],
      restart: { when: 'failed', tries: 3 },
      resources: { limits: { cpus: 0.5, memory: 2 ** 30 }, reservations: {} },
      noNewPrivileges: true,
    });
  });

  it('adds main, and starts each after those that it depends on', () => {
    const { services } = compose(`services:
  main: { depends_on: { web: { condition: service_healthy } } }
  web: { image: web, depends_on: [db], healthcheck: { test: "true" } }
  db: { image: db }`);
    expect(services.map(({ name }) => name)).to.deep.equal(['db', 'web', 'main']);
    expect(services[2]?.dependsOn).to.deep.equal([{ service: 'web', condition: 'service_healthy' }]);
    expect(compose(ofDb('')).services.map(({ name }) => name)).to.deep.equal(['db', 'main']);
  });

  it('reads the file that Harbor’s older tasks have', () => {
    const { services, problems } = compose(`services:
  main:
    build: { context: "\${CONTEXT_DIR}" }
    image: "\${MAIN_IMAGE_NAME}"
    command: ["sh", "-c", "sleep infinity"]
    volumes:
      - \${HOST_VERIFIER_LOGS_PATH}:\${ENV_VERIFIER_LOGS_PATH}
      - \${HOST_AGENT_LOGS_PATH}:\${ENV_AGENT_LOGS_PATH}
    deploy: { resources: { limits: { cpus: "\${CPUS}", memory: "\${MEMORY}" } } }
  other: { image: "\${MAIN_IMAGE_NAME}", command: serve }`);
    expect(problems).to.deep.equal([]);
    const [main, other] = services;
    expect(main).to.deep.include({ build: { context: 'environment/', args: {} }, mounts: [] });
    expect(main?.resources.limits).to.deep.equal({ cpus: 2, memory: 2 ** 31 });
    expect(other).to.deep.include({ imageOf: 'main', command: ['serve'] });
  });

  it('builds images of folders of environment/', () => {
    const service = db(
      'build: { context: ./db, dockerfile: Dockerfile.test, target: last, args: [TAG, B=2] }',
    );
    expect(service.build).to.deep.equal({
      context: 'environment/db/',
      dockerfile: 'Dockerfile.test',
      target: 'last',
      args: { TAG: '16', B: '2' },
    });
  });

  it('mounts volumes, memory, and copies of the task’s files', () => {
    const service = db(
      `volumes:
  - data:/var/lib/data
  - ./init.sql:/init/init.sql:ro
  - /cache
  - { type: tmpfs, target: /fast, tmpfs: { size: 1m } }
tmpfs: [/run, "/tmp:size=64m"]
shm_size: 128m`,
      'volumes: { data: }',
    );
    expect(service.mounts).to.deep.equal([
      { kind: 'volume', volume: 'db /cache', path: '/cache', readOnly: false },
      { kind: 'tmpfs', path: '/dev/shm', bytes: 2 ** 27 },
      { kind: 'tmpfs', path: '/fast', bytes: 2 ** 20 },
      { kind: 'copy', from: 'environment/init.sql', path: '/init/init.sql' },
      { kind: 'tmpfs', path: '/run' },
      { kind: 'tmpfs', path: '/tmp', bytes: 2 ** 26 },
      { kind: 'volume', volume: 'data', path: '/var/lib/data', readOnly: false },
    ]);
  });

  it('fills in variables as Compose does', () => {
    const values: [string, string][] = [
      ['a$TAG', 'a16'],
      ['a${TAG}b', 'a16b'],
      ['${NONE:-x}', 'x'],
      ['${NONE-x}', 'x'],
      ['${EMPTY:-x}', 'x'],
      ['${EMPTY-x}', ''],
      ['${TAG:+x}${NONE:+y}', 'x'],
      ['${NONE:-${TAG:-y}}', '16'],
      ['${TAG:-${MISSING}}', '16'],
      ['$$TAG', '$TAG'],
    ];
    for (const [text, value] of values)
      expect(db(`environment: { A: '${text}' }`).env, text).to.deep.equal([{ name: 'A', value }]);
  });

  it('takes the value of a Secret for a whole variable, and for nothing else', () => {
    const secretKeyRef = { name: 'keys', key: 'model' };
    for (const text of ['${KEY}', '$KEY', '${KEY:-x}', '${KEY:?set it}'])
      expect(db(`environment: ['API=${text}', KEY]`).env, text).to.deep.equal([
        { name: 'API', secretKeyRef },
        { name: 'KEY', secretKeyRef },
      ]);
    for (const lines of ['environment: [A=x$KEY]', 'command: run $KEY', 'build: { args: [KEY] }'])
      expect(faults(ofDb(lines)).join(), lines).to.match(/Secret/);
  });

  it('names the variable that nobody has set', () => {
    const [problem] = compose(ofDb('command: $NONE')).problems;
    expect(problem).to.deep.include({ field: 'services.db.command', kind: 'invalid' });
    expect(problem?.says).to.match(/^needs the variable NONE: set it under/);
    expect(faults(ofDb('command: ${NONE:?why}'))).to.have.length(1);
    expect(faults(ofDb('command: "${A"')).join()).to.match(/without its "}"/);
    expect(faults(ofDb('command: a $ b')).join()).to.match(/begins no variable/);
  });

  it('reads files of variables, and .env for the templates', () => {
    const { services, problems } = compose(ofDb('env_file: [a.env]\nenvironment: [B=own, "C=${C}", TAG]'), {
      'environment/a.env': '# comment\nexport A="x $TAG" # more\nB=1\nD=\'$TAG\'\nE=a b # c\n',
      'environment/.env': 'C=3\nTAG=15\n',
    });
    expect(problems).to.deep.equal([]);
    expect(services[0]?.env).to.deep.equal([
      { name: 'A', value: 'x 16' },
      { name: 'B', value: 'own' },
      { name: 'D', value: '$TAG' },
      { name: 'E', value: 'a b' },
      { name: 'C', value: '3' },
      { name: 'TAG', value: '16' },
    ]);
    expect(faults(ofDb('env_file: b.env')).join()).to.match(/the task has no file environment\/b\.env/);
    expect(faults(ofDb('env_file: { path: b.env }'))).to.have.length(1);
    expect(faults(ofDb('env_file: [{ path: b.env, required: false }]'))).to.deep.equal([]);
  });

  it('tells everything at once, and takes no notice of what changes nothing', () => {
    const told = faults(`include: [other.yaml]
x-anything: { y: 1 }
services:
  db: { image: a, privileged: true, pid: host, cap_add: [NET_ADMIN], labels: { a: b }, read_only: false, x-own: 1 }
  web: { image: 5, ports: [a], mistake: 1, depends_on: [gone] }`);
    expect(told.map(([field, kind]) => `${field} ${kind}`)).to.have.members([
      'include unsupported',
      'services.db.privileged unsupported',
      'services.db.pid unsupported',
      'services.db.cap_add unsupported',
      'services.web.image invalid',
      'services.web.ports[0] invalid',
      'services.web.mistake invalid',
      'services.web.depends_on.gone invalid',
    ]);
  });

  it('refuses two services that listen on one port', () => {
    const text = 'services:\n  a: { image: a, ports: ["8080:80"] }\n  b: { image: b, expose: [79-81] }';
    expect(faults(text)).to.deep.equal([
      [
        'services.b.expose[0]',
        'unsupported',
        'a listens on port 80/tcp as well, and the containers of a Pod share one network; let one of them listen on another port',
      ],
    ]);
    expect(faults(text.replace('80"', '80/udp"'))).to.deep.equal([]);
  });

  it('refuses services that must not reach each other', () => {
    const text =
      'services: { main: { networks: [a] }, db: { image: x, networks: [b] } }\nnetworks: { a: , b: }';
    expect(faults(text)).to.have.length(1);
    expect(faults(text.replace('[b]', '[a, b]'))).to.deep.equal([]);
    expect(faults(text.replace('networks: [b]', 'network_mode: "service:main"'))).to.deep.equal([]);
    for (const mode of ['host', 'none', 'bridge', 'container:x'])
      expect(faults(ofDb(`network_mode: "${mode}"`)).map(([field]) => field)).to.deep.equal([
        'services.db.network_mode',
      ]);
  });

  it('refuses names that a Pod cannot look up, or that are hosts of others', () => {
    for (const name of ['api.example.com', 'my_db', 'localhost', 'sb-s3'])
      expect(faults(ofDb(`hostname: ${name}`)).map(([field]) => field)).to.deep.equal([
        'services.db.hostname',
      ]);
    for (const name of ['my_db', 'sb-s3'])
      expect(faults(`services: { ${name}: { image: x } }`).map(([field]) => field)).to.deep.equal([
        `services.${name}`,
      ]);
    expect(db('networks: { default: { aliases: [other] } }').names).to.deep.equal(['db', 'other']);
  });

  it('refuses services that wait for each other, or for what never comes', () => {
    expect(
      faults('services: { a: { image: a, depends_on: [b] }, b: { image: b, depends_on: [a] } }'),
    ).to.have.length(1);
    const on = (condition: string): string =>
      ofDb('', `  web: { image: x, depends_on: { db: { condition: ${condition} } } }`);
    expect(faults(on('service_healthy')).join()).to.match(/has no healthcheck/);
    expect(faults(on('service_completed_successfully'))).to.deep.equal([]);
    expect(faults(on('often')).join()).to.match(/no condition/);
  });

  it('refuses a folder that one service may write and another one sees', () => {
    const two = (mode: string): string =>
      `services: { a: { image: a, volumes: ["./x:/x${mode}"] }, b: { image: b, volumes: ["./x:/x:ro"] } }`;
    expect(faults(two(''))).to.have.length(1);
    expect(faults(two(':ro'))).to.deep.equal([]);
  });

  it('takes no more services than a Pod may have', () => {
    const many = (count: number): string =>
      `services:\n${Array.from({ length: count }, (_, at) => `  s${at}: { image: x }\n`).join('')}`;
    expect(faults(many(15))).to.deep.equal([]);
    expect(faults(many(16)).map(([field]) => field)).to.deep.equal(['services']);
  });

  it('never throws, whatever the document holds', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (service, other) => {
        composeOf({ document: { services: { db: service, web: other }, volumes: other } }, VARIABLES);
        composeOf({ document: { services: other, networks: service } }, VARIABLES);
      }),
    );
  });
});

describe('readDocument', () => {
  const fault = (text: string): string => {
    const read = readDocument(text);
    return 'fault' in read ? read.fault : '';
  };

  it('writes aliases and merge keys out', () => {
    expect(readDocument('a: &x { k: 1 }\nb: { <<: *x, c: 2 }\nd: *x')).to.deep.equal({
      document: { a: { k: 1 }, b: { k: 1, c: 2 }, d: { k: 1 } },
    });
  });

  it('reads no more than a bound, however it is written', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let at = 1; at < 9; at += 1)
      lines.push(
        `a${at}: &a${at} [${Array(10)
          .fill(`*a${at - 1}`)
          .join()}]`,
      );
    expect(fault(lines.join('\n'))).to.match(/more than 10000 values/);
    expect(fault('a: &a [*a]')).to.match(/nested deeper/);
    expect(fault(`a: ${'['.repeat(5000)}`)).to.match(/not valid YAML/);
    expect(fault(`a: ${'x'.repeat(70_000)}`)).to.match(/bytes; expected at most/);
    expect(fault(`a: &a ${'x'.repeat(60_000)}\nb: [*a, *a]`)).to.match(/aliases written out/);
    for (const text of ['', 'x', '[1]']) expect(fault(text), text).not.to.equal('');
  });
});
