import { expect } from 'chai';
import { readDocument } from '../compose/document.ts';
import { parseTaskToml } from '../toml/parse.ts';
import { compile } from './compile.ts';
import { storedSpec } from './refusals.ts';
import type { CompilableTask } from './types.ts';

const COMPOSE_FILE = 'environment/docker-compose.yaml';
const contextOf = (letter: string) => ({ uri: `s3://b/tasks/x/${letter}.zip`, sha256: letter.repeat(64) });

interface Wanted {
  spec?: object;
  toml?: string;
  compose: string;
  files?: string[];
  testContexts?: CompilableTask['testContexts'];
}

function compiled({ spec = {}, toml = '', compose, files = [], testContexts }: Wanted) {
  const read = readDocument(compose);
  if ('fault' in read) throw new Error(read.fault);
  const task: CompilableTask = {
    config: parseTaskToml(toml),
    files: ['instruction.md', 'solution/solve.sh', 'tests/test.sh', COMPOSE_FILE, ...files].map((path) => ({
      path,
    })),
    context: contextOf('a'),
    compose: { document: read.document },
    ...(testContexts && { testContexts }),
  };
  return compile(storedSpec({ task: { name: 'org/hello', s3: { uri: 's3://b/tasks/x' } }, ...spec }), task);
}

const agent = (wanted: Wanted) => compiled(wanted).environments.agent;
const db = (wanted: Wanted) => compiled(wanted).environments['service-db'];
const messages = (wanted: Wanted): string[] => compiled(wanted).problems.map(({ message }) => message);
const DB = 'services: { db: { image: postgres } }';

describe('the services of a task', () => {
  it('have an environment each, in the order in which they start', () => {
    const { environments, services, problems } = compiled({
      compose:
        'services: { web: { image: web, depends_on: [db] }, db: { image: postgres, user: "70", environment: { A: 1 } } }',
    });
    expect(problems).to.deep.equal([]);
    expect(Object.keys(environments)).to.deep.equal(['agent', 'service-db', 'service-web']);
    expect(environments['service-db']).to.deep.equal({
      image: 'postgres',
      network: { enforcement: 'BestEffort' },
      allowPrivilegeEscalation: true,
      user: '70',
      resources: {
        requests: { cpu: '100m', memory: '128Mi', 'ephemeral-storage': '256Mi' },
        limits: { 'ephemeral-storage': '8Gi' },
      },
      env: [{ name: 'A', value: '1' }],
    });
    expect(services.map(({ name, role }) => [name, role])).to.deep.equal([
      ['db', 'service-db'],
      ['web', 'service-web'],
      ['main', undefined],
    ]);
  });

  it('are none for a task without the file', () => {
    expect(compiled({ compose: DB }).services).to.have.length(2);
    const { services } = compile(storedSpec({ task: { name: 'a/b' } }), {
      config: parseTaskToml(''),
      files: [],
    });
    expect(services).to.deep.equal([]);
  });

  it('have limits as the file says them, and requests within', () => {
    const resources = (lines: string) =>
      db({ compose: `services: { db: { image: x, ${lines} } }` })?.resources;
    expect(resources('mem_limit: 64m, cpus: 0.05')).to.deep.include({
      requests: { cpu: '50m', memory: '67108864', 'ephemeral-storage': '256Mi' },
      limits: { cpu: '50m', memory: '67108864', 'ephemeral-storage': '8Gi' },
    });
    expect(resources('mem_limit: 1g, mem_reservation: 2g')?.requests.memory).to.equal(String(2 ** 30));
  });

  it('take variables of the Trial, secret ones as a whole', () => {
    const secretKeyRef = { name: 'keys', key: 'model' };
    const wanted = {
      toml: '[environment.env]\nTAG = "15"\nKEY = "${KEY}"\n',
      spec: {
        environment: {
          env: [
            { name: 'KEY', secretKeyRef },
            { name: 'TAG', value: '16' },
          ],
        },
      },
      compose: 'services: { db: { image: "postgres:$TAG", environment: ["KEY=${KEY}"] } }',
    };
    expect(messages(wanted)).to.deep.equal([]);
    expect(db(wanted)).to.deep.include({ image: 'postgres:16', env: [{ name: 'KEY', secretKeyRef }] });
    const [problem] = compiled({ compose: 'services: { db: { image: "x:$NONE" } }' }).problems;
    expect(problem).to.deep.include({ reason: 'TaskInvalid', field: COMPOSE_FILE });
  });

  it('are built of their folders, or share the image of another one', () => {
    const compose =
      'services: { db: { build: { context: db, args: { A: 1 } }, image: own }, other: { image: own }, as-main: { image: "${MAIN_IMAGE_NAME}" }, main: { build: ., image: "${MAIN_IMAGE_NAME}" } }';
    const { environments, problems } = compiled({
      compose,
      testContexts: { 'environment/db/': contextOf('d') },
    });
    expect(problems).to.deep.equal([]);
    expect(environments['service-db']?.build).to.deep.include({
      context: { s3: contextOf('d') },
      buildArgs: { A: '1' },
      tag: 'hello-db',
    });
    expect(environments['service-other']?.build).to.deep.equal(environments['service-db']?.build);
    expect(environments['service-as-main']?.build).to.deep.equal(environments.agent.build);
    expect(messages({ compose }).join()).to.match(/services\.db\.build: its context was not stored/);
  });

  const images: [what: string, wanted: Wanted, image: string][] = [
    ['the Trial’s', { spec: { environment: { image: 'own' } }, compose: DB }, 'own'],
    [
      'the one of the file in place of docker_image',
      { toml: '[environment]\ndocker_image = "toml"', compose: 'services: { main: { image: file } }' },
      'file',
    ],
    [
      'docker_image in place of Harbor’s own name',
      {
        toml: '[environment]\ndocker_image = "toml"',
        compose: 'services: { main: { image: "${MAIN_IMAGE_NAME}" } }',
      },
      'toml',
    ],
    ['docker_image', { toml: '[environment]\ndocker_image = "toml"', compose: DB }, 'toml'],
    ['the one of the file without a Dockerfile', { compose: 'services: { main: { image: file } }' }, 'file'],
    [
      'a build where the file names it only to call it so',
      { compose: 'services: { main: { image: file } }', files: ['environment/Dockerfile'] },
      'a',
    ],
    ['a build of environment/', { compose: DB }, 'a'],
  ];
  for (const [what, wanted, image] of images)
    it(`leave main ${what}`, () => {
      const { image: ready, build } = agent(wanted);
      expect(ready ?? build?.context.s3?.sha256.slice(0, 1)).to.equal(image);
    });

  it('leave main what Trial and task.toml say, before what the file does', () => {
    const main = agent({
      toml: '[environment]\nworkdir = "/toml"\ncpus = 1\nmemory_mb = 64\n[environment.env]\nA = "toml"\n',
      spec: { environment: { env: [{ name: 'B', value: 'trial' }] } },
      compose:
        'services: { main: { working_dir: /file, user: app, mem_limit: 128m, environment: { A: file, B: file, C: file }, tmpfs: /run, security_opt: [no-new-privileges] } }',
    });
    expect(main).to.deep.include({
      workdir: '/toml',
      user: 'app',
      allowPrivilegeEscalation: false,
      mounts: [{ kind: 'tmpfs', path: '/run' }],
    });
    expect(main.env.map(({ name, value }) => `${name}=${value}`)).to.have.members([
      'A=toml',
      'B=trial',
      'C=file',
    ]);
    expect(main.resources.limits.memory).to.equal(String(2 ** 27));
    expect(main.resources.requests.cpu).to.equal('1');
  });

  it('are named by hooks and artifacts', () => {
    const toml =
      'artifacts = [{ source = "/logs/x", service = "db" }, { source = "/a", service = "main" }]\n[[verifier.collect]]\ncommand = "dump"\nservice = "db"\n';
    const { steps, problems } = compiled({ compose: DB, toml });
    expect(problems).to.deep.equal([]);
    expect(steps[0].artifacts).to.deep.equal([
      { source: '/logs/x', into: 'logs/x', service: 'db' },
      { source: '/a', into: 'a' },
    ]);
    expect(steps[0].hooks).to.deep.equal([{ command: 'dump', timeoutSeconds: 60, service: 'db' }]);
    expect(messages({ compose: 'services: {}', toml })).to.have.members([
      `artifacts names the service db, which ${COMPOSE_FILE} has not`,
      `verifier.collect names the service db, which ${COMPOSE_FILE} has not`,
    ]);
  });

  it('are not had once more by a separate verifier', () => {
    const wanted = { spec: { verifier: { mode: 'Separate' } }, compose: DB };
    expect(messages(wanted).join()).to.match(/would have all services of docker-compose\.yaml once more/);
    expect(messages({ ...wanted, spec: { verifier: { mode: 'Separate', image: 'judge' } } })).to.deep.equal(
      [],
    );
    const composed = { ...wanted, files: ['tests/docker-compose.yaml'] };
    expect(messages(composed).join()).to.match(/a docker-compose\.yaml of its own is not supported/);
    const { environments } = compiled({
      spec: { verifier: { mode: 'Separate' } },
      compose: 'services: { main: { tmpfs: /run } }',
    });
    expect(environments.verifier).not.to.have.property('mounts');
  });

  it('are refused with all that does not map', () => {
    const { problems } = compiled({
      compose: 'services: { db: { image: x, privileged: true, mistake: 1 } }',
    });
    expect(problems.map(({ reason, message }) => [reason, message.slice(0, 60)])).to.deep.equal([
      ['TaskUnsupported', `${COMPOSE_FILE}: services.db.privileged: a c`],
      ['TaskInvalid', `${COMPOSE_FILE}: services.db.mistake: Compos`],
    ]);
  });
});
