import { expect } from 'chai';
import type { Running } from '../../../../test/support/programs.ts';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../../../test/support/folder.ts';
import { startVersitygw, VERSITYGW } from '../../../../test/support/versitygw.ts';
import type { ArtifactStore } from '../../../providers/artifact-store/port.ts';
import { s3ArtifactStore } from '../../../providers/artifact-store/s3.ts';
import { retried } from '../../../providers/retry.ts';
import { selectTasks, type SelectedTask } from '../select/select.ts';
import { uploading } from './upload.ts';

describe('Uploading a task to a real S3 server', () => {
  let server: Running | undefined;
  let folder: string;
  let selected: SelectedTask | undefined;

  before(async function () {
    server = await startVersitygw('bucket');
    if (!server) this.skip();
    folder = await taskFolder(MINIMAL);
    [selected] = (await selectTasks({ path: folder })).tasks;
  });
  after(async () => {
    await server?.stop();
    if (folder) await removeTaskFolder(folder);
  });

  const store = (): ArtifactStore =>
    retried(
      s3ArtifactStore({
        bucket: 'bucket',
        region: VERSITYGW.region,
        endpoint: `http://${server?.address}`,
        credentials: { accessKeyId: VERSITYGW.accessKeyId, secretAccessKey: VERSITYGW.secretAccessKey },
      }),
    );
  const upload = async () => {
    if (!selected) throw new Error('there is no task');
    return uploading(store(), 'local')(selected);
  };

  it('stores it once, however many do it at the same time, and sends nothing after that', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, upload));
    expect(results.filter(({ result }) => result === 'stored')).to.have.length(1);
    expect(await upload()).to.deep.equal({ result: 'present', bytes: 0 });
    const keys = (await Array.fromAsync(store().list('tasks/local/task/'))).map(({ key }) =>
      key.split('/').at(-1),
    );
    expect(keys).to.deep.equal(['context.zip', 'metadata.json', 'task.zip']);
  });
});
