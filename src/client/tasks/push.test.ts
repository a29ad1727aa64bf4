import { expect } from 'chai';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../../test/support/folder.ts';
import { systemClock } from '../../async/clock.ts';
import { memoryArtifactStore } from '../../providers/artifact-store/memory.ts';
import { RESEARCHER } from '../../crds/namespace-rules.ts';
import { sha256 } from '../../crds/names.ts';
import { readMetadata, type TaskMetadata } from '../../tasks/index.ts';
import { CliError } from '../failures/error.ts';
import type { Session } from '../session/types.ts';
import { pushTasks } from './push.ts';

const namespaceOf = (name: string) => ({ metadata: { name, labels: { [RESEARCHER]: name } } });

describe('sb task push', () => {
  let folder: string;
  let store: ReturnType<typeof memoryArtifactStore>;
  let labelled: boolean;
  beforeEach(async () => {
    folder = await taskFolder({ ...MINIMAL, 'task.toml': '[task]\nname = "acme/hello"\n' });
    store = memoryArtifactStore({ bucket: 'b' });
    labelled = false;
  });
  afterEach(() => removeTaskFolder(folder));

  const push = (...paths: string[]) =>
    pushTasks(
      {
        kube: { get: async () => (labelled ? namespaceOf('ada') : undefined) } as unknown as Session['kube'],
        namespace: 'ada',
        store: async () => store,
        kubeParts: { clock: systemClock, random: () => 0 } as unknown as Session['kubeParts'],
      },
      { paths, cwd: dirname(folder), signal: new AbortController().signal },
    );
  const keys = async () => (await Array.fromAsync(store.list('tasks/'))).map(({ key }) => key);

  it('stores what a Trial needs, and says where', async () => {
    const [pushed, ...others] = await push('task');
    expect(others).to.deep.equal([]);
    const { task_version: version = '' } = pushed ?? {};
    const prefix = `tasks/local/acme/hello/${version}/`;
    expect(pushed).to.deep.include({
      name: 'acme/hello',
      task_id: `acme/hello@${version}`,
      s3_task_uri: `s3://b/${prefix}`,
      result: 'stored',
    });
    expect(await keys()).to.deep.equal(
      ['context.zip', 'metadata.json', 'task.zip'].map((name) => `${prefix}${name}`),
    );
    const metadata = await store.get(`${prefix}metadata.json`, 1e6);
    expect(metadata && readMetadata(metadata)).to.have.nested.property('metadata.version', version);
  });

  it('stores the tasks of a researcher in their own folder, also where all have them', async () => {
    await push('task');
    labelled = true;
    const [pushed] = await push('task');
    expect(pushed?.result).to.equal('stored');
    expect(pushed?.s3_task_uri).to.match(/^s3:\/\/b\/tasks\/researchers\/ada\/acme\/hello\/[0-9a-f]{12}\/$/);
    const folders = (await keys()).map((key) => key.split('/')[1]);
    expect(folders).to.deep.equal([...Array(3).fill('local'), ...Array(3).fill('researchers')]);
  });

  it('skips what is there, and takes folders of tasks', async () => {
    await push(folder);
    expect(await push(dirname(folder))).to.have.nested.property('[0].result', 'present');
  });

  it('stores metadata that an older sb wrote anew, and leaves the archives alone', async () => {
    await push(folder);
    const [key = ''] = (await keys()).filter((one) => one.endsWith('metadata.json'));
    await store.put(key, JSON.stringify({ name: 'acme/hello', files: [] }));
    expect(await push(folder)).to.have.nested.property('[0].result', 'stored');
    expect(readMetadata((await store.get(key, 1e6)) ?? new Uint8Array()).kind).to.equal('read');
  });

  it('stores the context of a verifier whose tests have a Dockerfile, also where an older sb left it out', async () => {
    await writeFile(join(folder, 'tests/Dockerfile'), 'FROM judge\n');
    await push(folder);
    const [context = '', key = ''] = (await keys()).filter((one) => /context-|metadata/.test(one));
    const hash = sha256((await store.get(context, 1e6)) ?? '');
    expect(context).to.match(new RegExp(`/context-${hash.slice(0, 12)}\\.zip$`));
    const { test_contexts: contexts, ...metadata } = JSON.parse(
      new TextDecoder().decode(await store.get(key, 1e6)),
    ) as TaskMetadata;
    expect(contexts).to.deep.equal({ 'tests/': hash });
    await store.put(key, JSON.stringify(metadata));
    expect(await push(folder)).to.have.nested.property('[0].result', 'stored');
    expect(readMetadata((await store.get(key, 1e6)) ?? new Uint8Array())).to.have.nested.property(
      'metadata.test_contexts',
    );
  });

  it('stores nothing of a task whose task.toml says more than anybody reads', async () => {
    const toml = `[metadata]\nessay = "${'x'.repeat(256 * 1024)}"\n`;
    await writeFile(join(folder, 'task.toml'), toml);
    const error: unknown = await push(folder).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(CliError).and.to.include({ code: 'SB-E014' });
    expect(await keys()).to.deep.equal([]);
  });
});
