import { expect } from 'chai';
import { parseTaskToml } from '../toml/parse.ts';
import { compile } from './compile.ts';
import { storedSpec } from './refusals.ts';
import type { CompilableTask, CompileDefaults } from './types.ts';

const FILES = ['task.toml', 'instruction.md', 'environment/Dockerfile', 'solution/solve.sh', 'tests/test.sh'];
const contextOf = (letter: string) => ({ uri: `s3://b/tasks/x/${letter}.zip`, sha256: letter.repeat(64) });

interface Wanted {
  spec?: object;
  toml?: string;
  /** Beside the usual ones. */
  files?: string[];
  testContexts?: CompilableTask['testContexts'];
  defaults?: CompileDefaults;
}

function compiled({ spec = {}, toml = '', files = [], testContexts, defaults = {} }: Wanted) {
  const task: CompilableTask = {
    config: parseTaskToml(toml),
    files: [...FILES, ...files].map((path) => ({ path })),
    context: contextOf('a'),
    ...(testContexts && { testContexts }),
  };
  const stored = storedSpec({ task: { name: 'org/hello', s3: { uri: 's3://b/tasks/x' } }, ...spec });
  const { problems, ...rest } = compile(stored, task, defaults);
  return { ...rest, problems: problems.filter(({ reason }) => reason === 'TaskInvalid') };
}

const roles = (wanted: Wanted): string[] => Object.keys(compiled(wanted).environments);
const verifier = (wanted: Wanted) => compiled(wanted).environments.verifier;
/** The image, or the letter of the context that it is built from. */
const imageOf = (wanted: Wanted, role: 'verifier' | 'verifier-1' = 'verifier'): string | undefined => {
  const { image, build } = compiled(wanted).environments[role] ?? {};
  return image ?? build?.context.s3?.sha256.slice(0, 1);
};

const SEPARATE = '[verifier]\nenvironment_mode = "separate"\n';
const SHARED = '[verifier]\nenvironment_mode = "shared"\n';
const SEPARATE_INSTALLATION: CompileDefaults = { installation: { verifierMode: 'Separate' } };

describe('where a verifier runs', () => {
  it('is the agent’s container unless somebody says otherwise', () => {
    expect(roles({})).to.deep.equal(['agent']);
    expect(compiled({}).steps[0].verifier).to.deep.include({ mode: 'Shared' });
    expect(compiled({}).steps[0].verifier).not.to.have.property('role');
  });

  const cases: [says: string, wanted: Wanted, roles: string[]][] = [
    ['the task', { toml: SEPARATE }, ['agent', 'verifier']],
    ['an environment of its own', { toml: '[verifier.environment]\ncpus = 1' }, ['agent', 'verifier']],
    ['the Trial', { spec: { verifier: { mode: 'Separate' } } }, ['agent', 'verifier']],
    ['the namespace', { defaults: { namespace: { verifierMode: 'Separate' } } }, ['agent', 'verifier']],
    ['the installation', { defaults: SEPARATE_INSTALLATION }, ['agent', 'verifier']],
    [
      'the namespace, against the installation',
      { defaults: { namespace: { verifierMode: 'Shared' }, ...SEPARATE_INSTALLATION } },
      ['agent'],
    ],
    [
      'the step, against the installation',
      {
        toml: '[[steps]]\nname = "a"\n[steps.verifier]\nenvironment_mode = "shared"\n[[steps]]\nname = "b"',
        defaults: SEPARATE_INSTALLATION,
      },
      ['agent', 'verifier-2'],
    ],
    ['the Trial, against the task', { toml: SEPARATE, spec: { verifier: { mode: 'Shared' } } }, ['agent']],
    [
      'the task, against namespace and installation',
      { toml: SHARED, defaults: { namespace: { verifierMode: 'Separate' }, ...SEPARATE_INSTALLATION } },
      ['agent'],
    ],
    [
      'the Trial, against a task that is made for the other',
      { toml: SHARED, spec: { verifier: { mode: 'Separate' } } },
      ['agent', 'verifier'],
    ],
    ['nobody where there is none', { toml: SEPARATE, spec: { verifier: { disabled: true } } }, ['agent']],
    [
      'each step, else the task',
      {
        toml: `${SEPARATE}[[steps]]\nname = "a"\n[[steps]]\nname = "b"\n[steps.verifier]\nenvironment_mode = "shared"\n[[steps]]\nname = "c"`,
      },
      ['agent', 'verifier-1', 'verifier-3'],
    ],
  ];
  for (const [says, wanted, expected] of cases)
    it(`is said by ${says}`, () => {
      expect(roles(wanted)).to.deep.equal(expected);
      const ofSteps = compiled(wanted).steps.flatMap(({ verifier: { role } }) => role ?? []);
      expect(['agent', ...ofSteps]).to.deep.equal(expected);
    });
});

describe('a word of the namespace that is no mode', () => {
  const defaults: CompileDefaults = {
    namespace: { verifierMode: { refused: 'the annotation is "separate"' } },
    ...SEPARATE_INSTALLATION,
  };
  const refusals = (wanted: Wanted): (string | undefined)[] => {
    const spec = storedSpec({ task: { name: 'x', s3: { uri: 's3://b/tasks/x' } }, ...wanted.spec });
    const config = parseTaskToml(wanted.toml ?? '');
    const task = { config, files: FILES.map((path) => ({ path })), context: contextOf('a') };
    return compile(spec, task, defaults).problems.map(({ message }) => message);
  };

  it('is refused where it would count, once for all steps', () => {
    expect(refusals({})).to.deep.equal(['the annotation is "separate"']);
    const steps = refusals({ toml: '[[steps]]\nname = "a"\n[[steps]]\nname = "b"\n' });
    expect(steps.filter((message) => message?.startsWith('the annotation'))).to.have.length(1);
  });

  it('is nobody’s trouble where somebody else has said it, or nothing is verified', () => {
    expect(refusals({ toml: SHARED })).to.deep.equal([]);
    for (const own of [{ mode: 'Shared' }, { mode: 'Separate' }, { disabled: true }])
      expect(refusals({ spec: { verifier: own } })).to.deep.equal([]);
  });
});

describe('a task that declares no artifacts', () => {
  it('is noted where its verifier is a separate one: little reaches that', () => {
    const notes = (toml: string) => compiled({ toml, defaults: SEPARATE_INSTALLATION }).notes;
    expect(notes('')).to.deep.equal([
      'the verifier is a separate one, and there are no artifacts: of the agent’s files it sees /logs/artifacts alone',
    ]);
    expect(notes('[[steps]]\nname = "a"\nartifacts = ["/x"]\n[[steps]]\nname = "b"\n')[0]).to.match(
      /^step b: the verifier is/,
    );
    expect(notes('artifacts = ["/app"]')).to.deep.equal([]);
    expect(notes(SHARED)).to.deep.equal([]);
  });
});

describe('the environment of a separate verifier', () => {
  it('is the agent’s, with its image, where nobody says anything', () => {
    const wanted = { toml: `${SEPARATE}[environment]\ncpus = 2\nworkdir = "/app"\nenv = { A = "b" }` };
    expect(verifier(wanted)).to.deep.equal(compiled(wanted).environments.agent);
  });

  it('is all its own where it has a table', () => {
    const found = verifier({
      toml: '[environment]\ncpus = 2\nworkdir = "/app"\nenv = { A = "b" }\n[verifier.environment]\nmemory_mb = 1024\nenv = { C = "d" }\n[verifier.environment.healthcheck]\ncommand = "true"',
      spec: { environment: { user: 'me', allowPrivilegeEscalation: false } },
    });
    expect(found).to.deep.include({ allowPrivilegeEscalation: false, env: [{ name: 'C', value: 'd' }] });
    expect(found?.resources.requests).to.include({ cpu: '500m', memory: '1024Mi' });
    expect(found?.healthcheck?.command).to.equal('true');
    expect(found).not.to.have.any.keys('workdir', 'user', 'hasTests');
  });

  it('gets from the Trial’s verifier what its variables lack', () => {
    const toml = '[verifier.environment]\nenv = { KEY = "${KEY}" }';
    expect(compiled({ toml }).problems.map(({ message }) => message)[0]).to.match(
      /^verifier\.environment\.env\.KEY needs the variable KEY/,
    );
    const env = [
      { name: 'KEY', secretKeyRef: { name: 's', key: 'k' } },
      { name: 'OTHER', value: 'x' },
    ];
    const wanted = { toml, spec: { verifier: { env } } };
    expect(compiled(wanted).problems).to.deep.equal([]);
    expect(verifier(wanted)?.env).to.deep.equal(env.slice(0, 1));
  });

  const tests = { 'tests/': contextOf('t'), 'steps/a/tests/': contextOf('s') };
  const ofTask = '[verifier.environment]\ndocker_image = "task:1"\n';
  const steps = '[[steps]]\nname = "a"\n';
  const ofStep = '[steps.verifier.environment]\ndocker_image = "step:1"\n';
  const all = ['tests/Dockerfile', 'steps/a/tests/Dockerfile'];
  const order: [says: string, wanted: Wanted, image: string, role?: 'verifier-1'][] = [
    ['the Trial’s', { toml: ofTask, spec: { verifier: { image: 'own:1' } } }, 'own:1'],
    ['the step’s docker_image', { toml: ofTask + steps + ofStep, files: all }, 'step:1', 'verifier-1'],
    [
      'a build of the step’s tests',
      { toml: ofTask + steps, files: all, testContexts: tests },
      's',
      'verifier-1',
    ],
    [
      'the task’s docker_image',
      { toml: ofTask + steps, files: ['tests/Dockerfile'] },
      'task:1',
      'verifier-1',
    ],
    ['a build of the tests', { toml: SEPARATE, files: all, testContexts: tests }, 't'],
  ];
  for (const [says, wanted, image, role] of order)
    it(`runs ${says}, which has the tests`, () => {
      expect(imageOf(wanted, role)).to.equal(image);
      expect(compiled(wanted).environments[role ?? 'verifier']?.hasTests).to.equal(true);
    });

  it('is built under a name of its own, within the time that its table gives', () => {
    const wanted = {
      toml: '[verifier.environment]\nbuild_timeout_sec = 99.5',
      files: all,
      testContexts: tests,
    };
    expect(verifier(wanted)?.build).to.deep.include({ tag: 'hello-verifier', timeoutSeconds: 100 });
  });

  it('needs no tests/test.sh where its image has the tests', () => {
    const missing = (wanted: Wanted): string[] => {
      const { problems } = compiled({ ...wanted, toml: `${wanted.toml}[[steps]]\nname = "b"` });
      return problems.map(({ field }) => field).filter((field) => field.endsWith('test.sh'));
    };
    expect(missing({ toml: ofTask })).to.deep.equal([]);
    expect(missing({ toml: '', files: ['steps/b/tests/x'] })).to.deep.equal([]);
    const bare = compile(storedSpec({ task: { name: 'hello', s3: { uri: 's3://b/tasks/x' } } }), {
      config: parseTaskToml(SEPARATE),
      files: [],
      context: contextOf('a'),
    });
    expect(bare.problems.map(({ field }) => field)).to.include('tests/test.sh');
  });

  it('is a problem where its tests were stored without their context', () => {
    expect(compiled({ toml: SEPARATE, files: all }).problems[0]?.message).to.match(
      /^the verifier’s image is built from the Dockerfile of the tests, which was not stored/,
    );
  });
});
