import { expect } from 'chai';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../test/support/task-folder.ts';
import { taskKeys } from './bucket.ts';
import { readTask } from './folder/read.ts';
import { taskHash, taskId, taskVersion } from './hash.ts';
import { taskMetadata } from './metadata.ts';

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
    expect(metadata.files).to.deep.equal(task.files);
    expect(taskKeys('set', task)).to.deep.equal({
      prefix: `tasks/set/org/it/${version}/`,
      task: `tasks/set/org/it/${version}/task.zip`,
      metadata: `tasks/set/org/it/${version}/metadata.json`,
      context: `tasks/set/org/it/${version}/context.zip`,
    });
  });
});
