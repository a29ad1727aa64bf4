import { expect } from 'chai';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../test/support/folder.ts';
import { taskKeys } from './bucket.ts';
import { readTask } from './folder/read.ts';
import { taskHash, taskId, taskVersion } from './hash.ts';
import { aMetadata } from '../../test/support/builders/objects.ts';
import { filesThatMatter, layoutHash, readMetadata, taskMetadata } from './metadata.ts';

describe('what is stored of a task', () => {
  it('is named by its hash and can be written as JSON, whatever TOML allows', async () => {
    const toml = '[task]\nname = "org/it"\n[metadata]\nbig = 9007199254740993\nday = 2026-01-02';
    const dir = await taskFolder({ ...MINIMAL, 'task.toml': toml });
    const task = await readTask(dir);
    await removeTaskFolder(dir);
    const hash = taskHash(task);
    const version = taskVersion(hash);
    expect(taskId(task)).to.equal(`org/it@${version}`);
    const metadata = taskMetadata(task);
    expect(metadata).to.include({ name: 'org/it', version, hash, id: `org/it@${version}`, digest: hash });
    expect(metadata.config.metadata).to.deep.equal({ big: '9007199254740993', day: '2026-01-02' });
    expect(metadata.files).to.deep.equal(['environment/Dockerfile', 'instruction.md', 'tests/test.sh']);
    expect(metadata.layout_sha256).to.equal(layoutHash(task));
    expect(readMetadata(Buffer.from(JSON.stringify(metadata)))).to.deep.equal({ kind: 'read', metadata });
    expect(taskKeys('set', task)).to.deep.equal({
      prefix: `tasks/set/org/it/${version}/`,
      task: `tasks/set/org/it/${version}/task.zip`,
      metadata: `tasks/set/org/it/${version}/metadata.json`,
      context: `tasks/set/org/it/${version}/context.zip`,
    });
  });

  it('names the files that decide how a task is run, and one of the context beside them', () => {
    const paths = [
      'task.toml',
      'environment/a/b',
      'environment/c',
      'environment/Dockerfile',
      'solution/other.sh',
      'solution/solve.sh',
      'steps/one/instruction.md',
      'steps/one/tests/test.sh',
      'tests/deep/test.sh',
      'tests/test.sh',
    ];
    expect(filesThatMatter(paths.map((path) => ({ path })))).to.deep.equal([
      'environment/Dockerfile',
      'solution/solve.sh',
      'steps/one/instruction.md',
      'steps/one/tests/test.sh',
      'tests/test.sh',
      'environment/a/b',
    ]);
  });

  it('holds the compose file with its aliases written out, and the variables that it names', async () => {
    const dir = await taskFolder({
      ...MINIMAL,
      'environment/docker-compose.yaml':
        'x-base: &base { image: a }\nservices: { db: { <<: *base, env_file: [db.env, gone.env] } }\n',
      'environment/db.env': 'A=1\n',
      'environment/other.env': 'B=1\n',
    });
    const text = JSON.stringify(taskMetadata(await readTask(dir)));
    const read = readMetadata(Buffer.from(text));
    expect(read.kind === 'read' && read.metadata.compose).to.deep.equal({
      document: {
        'x-base': { image: 'a' },
        services: { db: { image: 'a', env_file: ['db.env', 'gone.env'] } },
      },
      env_files: { 'environment/db.env': 'A=1\n' },
    });
    await removeTaskFolder(dir);
  });

  const refused: [string, object | string, RegExp][] = [
    ['what is no JSON', 'x', /^is not JSON$/],
    ['a version of another hash', { version: 'f'.repeat(12) }, /^has a version of another hash$/],
    ['a context that is no hash', { context_sha256: '../../other' }, /does not fit its schema/],
    ['a config of another form', { config: { environment: { cpus: 'many' } } }, /does not fit its schema/],
    [
      'a compose document without end',
      { compose: { document: JSON.parse(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`) as object } },
      /^has a larger compose document than anybody reads$/,
    ],
    ['more files than matter', { files: Array.from({ length: 1025 }, String) }, /does not fit its schema/],
    [
      'a config that Harbor’s rules refuse',
      { config: { ...aMetadata().config, artifacts: ['/a/../b'] } },
      /^has a config in which artifacts\[0\] has the source/,
    ],
  ];
  for (const [what, over, message] of refused)
    it(`is not believed with ${what}`, () => {
      const text =
        typeof over === 'string'
          ? over
          : JSON.stringify({ ...aMetadata({ version: '0123456789ab' }), ...over });
      const read = readMetadata(Buffer.from(text));
      expect(read.kind).to.equal('faulty');
      expect(read.kind === 'faulty' && read.message).to.match(message);
    });

  it('tells metadata of another sb from one that is damaged', () => {
    const { schema: _, ...older } = aMetadata();
    expect(readMetadata(Buffer.from(JSON.stringify(older)))).to.deep.equal({ kind: 'otherSchema' });
  });
});
