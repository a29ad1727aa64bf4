import { expect } from 'chai';
import { aMetadata, aTrial, NO_RULES, SOLVED_DATA } from '../../test/support/builders/objects.ts';
import { configMapHash } from '../crds/content.ts';
import { namespaceRules } from '../crds/namespace-rules.ts';
import type { TrialSpec } from '../crds/trial.ts';
import type { ConfigMap } from '../kube/kinds.ts';
import type { KubeClient } from '../kube/types.ts';
import { memoryArtifactStore } from '../providers/artifact-store/memory.ts';
import { TaskReader } from './read.ts';

const VERSION = '0123456789ab';
const PREFIX = `tasks/local/hello/${VERSION}`;

describe('reading a Trial’s task', () => {
  function reading({ configMap }: { configMap?: Partial<ConfigMap> } = {}) {
    const artifacts = memoryArtifactStore({ bucket: 'b' });
    const read: string[] = [];
    const get = artifacts.get.bind(artifacts);
    artifacts.get = (key, max) => {
      read.push(key);
      return get(key, max);
    };
    let rules = NO_RULES;
    const asked: unknown[] = [];
    const ask = async (...args: unknown[]) => {
      asked.push(args);
      return configMap;
    };
    const kube = { get: ask } as unknown as KubeClient;
    const reader = new TaskReader({ kube, artifacts, rulesOf: async () => rules });
    const of = (task: Partial<TrialSpec['task']> = { s3: { uri: `s3://b/${PREFIX}/` } }) =>
      reader.read(aTrial({ spec: { task: { name: 'hello', dataset: 'local', ...task } } }));
    const store = (metadata: object | string, prefix = PREFIX): Promise<string> =>
      artifacts.put(
        `${prefix}/metadata.json`,
        typeof metadata === 'string' ? metadata : JSON.stringify(metadata),
      );
    const allow = (prefixes: string): void => {
      rules = namespaceRules({ 'sb.abundant.ai/task-prefixes': prefixes }, { requirePrefixes: false });
    };
    return { of, store, allow, read, asked };
  }

  it('takes everything out of metadata.json, and looks at nothing else', async () => {
    const { of, store, read } = reading();
    const metadata = aMetadata({ context_sha256: 'c'.repeat(64) });
    await store(metadata);
    expect(await of()).to.deep.equal({
      kind: 'found',
      archive: `${PREFIX}/task.zip`,
      bytes: JSON.stringify(metadata).length,
      task: {
        config: metadata.config,
        files: metadata.files.map((path) => ({ path })),
        version: VERSION,
        context: { uri: `s3://b/${PREFIX}/context.zip`, sha256: 'c'.repeat(64) },
      },
    });
    expect(read).to.deep.equal([`${PREFIX}/metadata.json`]);
  });

  it('reads a version once, however many Trials there are, and asks every namespace’s rules all the same', async () => {
    const { of, store, allow, read } = reading();
    await store(aMetadata());
    await Promise.all([of(), of(), of()]);
    await of();
    expect(read).to.have.length(1);
    allow('tasks/team-a/');
    expect(await of()).to.include({ kind: 'faulty', reason: 'TaskNotFound', forbidden: true });
  });

  it('reads what is under no version’s key each time: somebody may store another task there', async () => {
    const { of, store, read } = reading();
    const task = { s3: { uri: 's3://b/tasks/mine' } };
    await store(aMetadata(), 'tasks/mine');
    await of(task);
    await store(aMetadata({ version: 'ffffffffffff' }), 'tasks/mine');
    expect(await of(task)).to.have.nested.property('task.version', 'ffffffffffff');
    expect(read).to.have.length(2);
  });

  it('finds a task that is stored later', async () => {
    const { of, store } = reading();
    expect(await of()).to.deep.equal({
      kind: 'faulty',
      reason: 'TaskNotFound',
      message: `there is no object s3://b/${PREFIX}/metadata.json; store the task again with sb task push or sb cloud run`,
    });
    await store(aMetadata());
    expect(await of()).to.include({ kind: 'found' });
  });

  const faulty: [string, object | string, string, RegExp][] = [
    ['of an older sb', { ...aMetadata(), schema: 1 }, 'TaskInvalid', /another version of sb.*sb task push/],
    ['that is damaged', '{', 'TaskInvalid', /metadata\.json is not JSON; .*sb task push/],
    ['that is too large', ' '.repeat(256 * 1024 + 1), 'TaskInvalid', /larger than 262144 bytes/],
    [
      'of another version than its key',
      aMetadata({ version: 'ffffffffffff' }),
      'TaskMismatch',
      /names version 0123456789ab of the task, but its metadata\.json is of version ffffffffffff/,
    ],
    [
      'that says what no Trial may say',
      aMetadata({ toml: `[environment]\ngpus = 65` }),
      'TaskInvalid',
      /environment\.gpus is 65; expected at most 64/,
    ],
    [
      'with a message of any length',
      aMetadata({ toml: `[verifier.env]\n"${'x y'.repeat(2000)}" = ""` }),
      'TaskInvalid',
      /^.{1024}$/,
    ],
  ];
  for (const [what, metadata, reason, message] of faulty)
    it(`ends with ${reason} for metadata ${what}`, async () => {
      const { of, store } = reading();
      await store(metadata);
      const read = await of();
      expect(read).to.include({ kind: 'faulty', reason });
      expect(read.kind === 'faulty' && read.message).to.match(message);
    });

  it('is a TaskMismatch where the Trial names another version', async () => {
    const { of, store } = reading();
    await store(aMetadata());
    const read = await of({ version: 'a'.repeat(12), s3: { uri: `s3://b/${PREFIX}` } });
    expect(read).to.include({ kind: 'faulty', reason: 'TaskMismatch' });
  });

  it('takes a task out of a ConfigMap, with Harbor’s defaults where it has no task.toml', async () => {
    const data = { ...SOLVED_DATA, 'task.toml': '[environment]\nworkdir = "/w"\n' };
    const task = { configMap: { name: 'hello' } };
    const read = await reading({ configMap: { data } }).of(task);
    expect(read).to.have.nested.property('task.config.environment.workdir', '/w');
    expect(read).to.include({ kind: 'found', content: configMapHash({ data }).slice(0, 12) });
    expect(read.kind === 'found' && read.task.files).to.deep.include({ path: 'tests/test.sh' });
    const binaryData = { 'task.toml': Buffer.from('[agent]\ntimeout_sec = 5').toString('base64') };
    expect(await reading({ configMap: { binaryData } }).of(task)).to.have.nested.property(
      'task.config.agent.timeout_sec',
      5,
    );
    expect(await reading({ configMap: {} }).of(task)).to.have.nested.property(
      'task.config.verifier.timeout_sec',
      600,
    );
  });

  it('asks for a ConfigMap twice, though a hundred Trials of it come at once, and again later', async () => {
    const { of, asked } = reading({ configMap: { data: SOLVED_DATA } });
    const task = { configMap: { name: 'hello' } };
    await Promise.all(Array.from({ length: 100 }, () => of(task)));
    expect(asked).to.have.length(2);
    await of(task);
    expect(asked).to.have.length(3);
  });

  it('says what is wrong with a ConfigMap, and where', async () => {
    const of = async (data: Record<string, string>) =>
      reading({ configMap: { data } }).of({ configMap: { name: 'hello' } });
    expect(await of({ 'task.toml': '\n[agent' }))
      .to.have.property('message')
      .that.matches(/ConfigMap hello: task\.toml:2/);
    expect(await of({ __: '' }))
      .to.have.property('message')
      .that.matches(/the key "__" is no path/);
    expect(await reading().of({ configMap: { name: 'hello' } })).to.deep.equal({
      kind: 'faulty',
      reason: 'TaskNotFound',
      message: 'spec.task.configMap.name: there is no ConfigMap default/hello',
    });
  });
});
