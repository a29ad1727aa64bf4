import { expect } from 'chai';
import { NO_RULES, SOLVED_FILES } from '../../test/support/builders/objects.ts';
import { agentFacts, agentsThatTake } from '../crds/agents.ts';
import type { ImageConfig } from '../crds/image-config.ts';
import type { VerifierImages } from '../pods/verifier-images.ts';
import type { NamespaceRules } from '../crds/namespace-rules.ts';
import { present } from '../crds/present.ts';
import type { Trial } from '../crds/trial.ts';
import { taskKey } from '../providers/artifact-store/port.ts';
import { compile, COMPOSE_FILE, parseTaskToml, type CompilableTask } from '../tasks/index.ts';
import { readDocument } from '../tasks/compose/document.ts';
import { secretVariable } from '../wire/assignment.ts';
import { assignmentOf } from './assignment.ts';
import { IMAGE, trialWith } from '../../test/support/broker/objects.ts';

const ARCHIVE = { kind: 'archive', url: 'https://s3/task.zip?signed' } as const;

interface Given {
  trial?: Trial;
  toml?: string;
  image?: ImageConfig;
  verifiers?: VerifierImages;
  rules?: NamespaceRules;
  compose?: CompilableTask['compose'];
  hasProgram?: true;
}

function assignment({
  trial = trialWith(),
  toml = '',
  image = IMAGE,
  verifiers = {},
  rules = NO_RULES,
  compose,
  ...more
}: Given = {}) {
  const paths = [...Object.keys(SOLVED_FILES), ...(compose ? [COMPOSE_FILE] : [])];
  const files = paths.map((path) => ({ path }));
  const compiled = compile(trial.spec, { config: parseTaskToml(toml), files, ...present({ compose }) });
  return assignmentOf(
    { trial, attempt: 2, image, verifiers, ...more },
    { compiled, source: ARCHIVE, rules, probePort: 8444, modelPrices: [] },
  );
}
const step = (given: Given = {}) => assignment(given).steps[0];

describe('assignment', () => {
  it('says everything that is to be done', () => {
    expect(assignment()).to.deep.equal({
      trial: { namespace: 'evals', name: 'solve', uid: '0a1b2c3d-trial', attempt: 2 },
      task: { name: 'hello', source: ARCHIVE },
      image: IMAGE,
      workdir: '/app',
      user: '0',
      steps: [
        {
          agent: {
            name: 'oracle',
            env: [],
            setupTimeoutSeconds: 360,
            user: '0',
            webTools: true,
            backgroundProcesses: 'Keep',
          },
          hooks: [],
          artifacts: [],
          verifier: { env: [], timeoutSeconds: 600, user: '0' },
          networks: { environment: 'Public', agent: 'Public', verifier: 'Public' },
        },
      ],
      network: {
        restricted: false,
        enforcement: 'BestEffort',
        probePort: 8444,
        variables: [],
      },
      rewardStrategy: 'Mean',
      notes: [],
      upload: true,
    });
  });

  it('carries what the Trial decides', () => {
    const agent = {
      name: 'custom',
      model: 'm',
      timeoutSeconds: 9,
      setupTimeoutSeconds: 8,
      webTools: true,
      backgroundProcesses: 'Stop' as const,
      user: 'agent',
      install: 'i',
      run: 'r',
    };
    const trial = trialWith({
      agent,
      verifier: { mode: 'Shared', disabled: true, timeoutSeconds: 7, user: 'root' },
      artifacts: [{ source: '/app/out' }],
      uploadResults: false,
    });
    trial.spec.task.version = '0123456789ab';
    const { task, steps, upload } = assignment({ trial });
    expect(task.version).to.equal('0123456789ab');
    expect(steps[0]).to.deep.equal({
      agent: { ...agent, env: [] },
      hooks: [],
      artifacts: [{ source: '/app/out', into: 'app/out' }],
      networks: { environment: 'Public', agent: 'Public', verifier: 'Public' },
    });
    expect(upload).to.equal(false);
  });

  for (const name of agentsThatTake('program'))
    it(`has the program of ${name} installed where its Pod has none`, () => {
      const trial = trialWith({ agent: { name, setupTimeoutSeconds: 360 } });
      const known = agentFacts(name)?.program?.version;
      const given = (more: Given) => assignment({ trial, ...more }).steps[0]?.agent;
      expect(given({})).to.include({ version: known, installs: true });
      expect(given({ hasProgram: true }))
        .to.include({ version: known })
        .and.not.to.have.property('installs');
    });

  it('says what the phases may reach, and which variables are set already', () => {
    const trial = trialWith();
    trial.spec.environment.network = { mode: 'None', enforcement: 'Required' };
    const { network, steps } = assignment({ trial, toml: '[environment.env]\nhttp_proxy = "http://own"\n' });
    expect(network).to.deep.equal({
      restricted: true,
      enforcement: 'Required',
      probePort: 8444,
      variables: ['http_proxy'],
    });
    expect(steps[0].networks).to.deep.equal({ environment: 'None', agent: 'None', verifier: 'None' });
  });

  it('says of each step what its own phases may reach', () => {
    const toml =
      '[[steps]]\nname = "a"\n[steps.agent]\nnetwork_mode = "no-network"\n[[steps]]\nname = "b"\n[steps.verifier]\nnetwork_mode = "allowlist"\n';
    const { network, steps } = assignment({ toml });
    expect(network.restricted).to.equal(true);
    expect(steps.map(({ networks }) => Object.values(networks))).to.deep.equal([
      ['Public', 'None', 'Public'],
      ['Public', 'Public', 'Allowlist'],
    ]);
  });

  it('lets every phase run as its own user, else as the environment’s, else as the image’s', () => {
    const users = (given: Given) => {
      const { user, steps } = assignment(given);
      return [user, steps[0].agent.user, steps[0].verifier?.user];
    };
    const image = { ...IMAGE, user: 'image', workdir: '' };
    expect(users({ image })).to.deep.equal(['image', 'image', 'image']);
    const toml = '[agent]\nuser = 7\n[verifier]\nuser = "judge"\n';
    expect(users({ image, toml })).to.deep.equal(['image', '7', 'judge']);
    const trial = trialWith();
    trial.spec.environment.user = 'all';
    expect(users({ image, trial })).to.deep.equal(['all', 'all', 'all']);
    expect(assignment({ image }).workdir).to.equal('/');
    expect(assignment({ image, toml: '[environment]\nworkdir = "/toml"' }).workdir).to.equal('/toml');
  });

  it('has what the agent left running stopped where the Trial or its namespace says so', () => {
    const of = (own?: 'Keep' | 'Stop', namespace?: 'Keep' | 'Stop') => {
      const trial = trialWith({
        agent: { name: 'oracle', setupTimeoutSeconds: 1, ...present({ backgroundProcesses: own }) },
      });
      const rules = { ...NO_RULES, ...present({ backgroundProcesses: namespace }) };
      return step({ trial, rules }).agent.backgroundProcesses;
    };
    expect([of(), of('Keep', 'Keep'), of(undefined, 'Keep')]).to.deep.equal(['Keep', 'Keep', 'Keep']);
    expect([of('Stop'), of('Keep', 'Stop'), of(undefined, 'Stop')]).to.deep.equal(['Stop', 'Stop', 'Stop']);
  });

  it('says where a separate verifier runs, and as whom', () => {
    const toml = '[verifier]\nenvironment_mode = "separate"\n[verifier.environment]\ndocker_image = "judge"';
    const config = { ...IMAGE, user: 'judge', workdir: '/judge' };
    const { verifier } = step({ toml, verifiers: { verifier: { config } } });
    expect(verifier).to.deep.include({
      user: 'judge',
      place: {
        container: 'verifier',
        image: config,
        workdir: '/judge',
        user: 'judge',
        hasTests: true,
        startSeconds: 2100,
      },
    });
  });

  it('says how services begin: with what their images have where the file says nothing', () => {
    const read = readDocument(
      'services: { main: { command: serve }, db: { image: db, restart: always }, new: { image: db, entrypoint: own }, run: { image: db, command: [x] } }',
    );
    const compose = 'document' in read ? { document: read.document } : undefined;
    const config = { user: 'postgres', workdir: '/db', entrypoint: ['begin'], cmd: ['postgres'] };
    const images = Object.fromEntries(['db', 'new', 'run'].map((name) => [`service-${name}`, { config }]));
    const begin = { ...IMAGE, entrypoint: ['main'] };
    const { services = [], network } = assignment({
      ...present({ compose }),
      verifiers: images,
      image: begin,
    });
    expect(services.map(({ name, argv, restart }) => [name, argv.join(' '), restart.when])).to.deep.equal([
      ['main', 'main serve', 'never'],
      ['db', 'begin postgres', 'always'],
      ['new', 'own', 'never'],
      ['run', 'begin x', 'never'],
    ]);
    expect(services[1]).to.deep.include({ container: 'service-db', user: 'postgres', workdir: '/db' });
    expect(network.local).to.deep.equal(['main', 'db', 'new', 'run']);
  });

  it('names the courier’s variable in place of a secret value', () => {
    const secretKeyRef = { name: 'keys', key: 'api' };
    const trial = trialWith({
      agent: {
        name: 'oracle',
        setupTimeoutSeconds: 360,
        env: [
          { name: 'MODE', value: 'fast' },
          { name: 'API_KEY', secretKeyRef },
          { name: 'EMPTY', value: '' },
        ],
      },
      verifier: { mode: 'Shared', disabled: false, env: [{ name: 'JUDGE_KEY', secretKeyRef }] },
    });
    const { agent, verifier } = step({ trial, toml: '[solution.env]\nA = "a"\n[verifier.env]\nB = "b"\n' });
    expect(agent.env).to.deep.equal([
      { name: 'MODE', value: 'fast' },
      { name: 'API_KEY', courierVariable: secretVariable(secretKeyRef) },
      { name: 'EMPTY', value: '' },
      { name: 'A', value: 'a' },
    ]);
    expect(verifier?.env).to.deep.equal([
      { name: 'JUDGE_KEY', courierVariable: secretVariable(secretKeyRef) },
      { name: 'B', value: 'b' },
    ]);
  });

  it('takes nothing from outside tasks/ of its own bucket', () => {
    for (const uri of [
      's3://other/tasks/a',
      's3://bucket2/tasks/a',
      's3://bucket/tasks',
      's3://bucket/tasks/',
      's3://bucket/tasks/../trials/run',
      's3://bucket/tasks/./a',
      's3://bucket/tasks//a',
      's3://bucket//tasks/a',
      'https://bucket/tasks/a',
      '',
    ])
      expect(taskKey(uri, 'bucket'), uri).to.equal(undefined);
  });

  it('names the agent’s model, its limits and the installation’s prices, never the key', () => {
    const agent = {
      name: 'custom',
      run: 'x',
      version: '1',
      model: 'openai/gpt-5',
      modelAccess: 'Proxy' as const,
      maxTokens: 10,
      setupTimeoutSeconds: 1,
      env: [{ name: 'OPENAI_API_KEY', secretKeyRef: { name: 'keys', key: 'openai' } }],
    };
    const network = { mode: 'None' as const, enforcement: 'BestEffort' as const };
    const { environment } = trialWith().spec;
    const given = step({ trial: trialWith({ agent, environment: { ...environment, network } }) });
    expect(given.agent.endpoint).to.deep.equal({
      provider: 'openai',
      name: 'gpt-5',
      access: 'Proxy',
      baseUrl: 'https://api.openai.com/v1',
      key: 'OPENAI_API_KEY',
      maxTokens: 10,
      prices: [],
    });
    expect(given.agent).to.include({ version: '1', webTools: false });
  });
});
