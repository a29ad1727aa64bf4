import { expect } from 'chai';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOf, type Folder } from '../../../testing/task-folder.ts';
import { addForViewer } from './for-viewer.ts';

describe('What Harbor’s viewer looks for', () => {
  let trial: Folder;
  const filled = async (files: Record<string, string>): Promise<void> => {
    trial = await folderOf(files);
    const copied = { root: trial.path, folder: trial.path, paths: Object.keys(files) };
    // An interrupted copy is taken up again.
    await addForViewer(copied);
    await addForViewer(copied);
  };
  afterEach(() => trial.remove());

  it('is artifacts/ where files were kept under output/', async () => {
    await filled({ 'output/app/report.txt': 'report', 'result.json': '{"exception_info": null}' });
    expect(await readFile(join(trial.path, 'artifacts/app/report.txt'), 'utf8')).to.equal('report');
    expect(await readdir(trial.path)).to.not.include('exception.txt');
  });

  it('is exception.txt where a Trial has an exception', async () => {
    const exception_info = { exception_type: 'ImageNotFound', exception_message: 'no image x' };
    await filled({ 'result.json': JSON.stringify({ exception_info }) });
    expect(await readFile(join(trial.path, 'exception.txt'), 'utf8')).to.equal('ImageNotFound: no image x\n');
    expect(await readdir(trial.path)).to.not.include('artifacts');
  });

  it('is nothing more where there is no result', async () => {
    await filled({ 'trial.log': '' });
    expect(await readdir(trial.path)).to.deep.equal(['trial.log']);
  });
});
