import { expect } from 'chai';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOf, type Folder } from '../../../../test/support/folder.ts';
import { seenHere } from './seen.ts';

describe('What a machine says about AWS', () => {
  let home: Folder;
  before(async () => {
    home = await folderOf({
      '.aws/config': '[profile dev]\nregion = eu-west-1\n',
      '.aws/credentials': '[default]\naws_secret_access_key = kept-to-itself\n[dev]\n',
      other: '[profile elsewhere]\n',
      long: '[profile first]\n',
    });
    // A file that is mostly empty takes no room.
    await truncate(join(home.path, 'long'), 2 ** 40);
  });
  after(() => home.remove());

  it('are the profiles of both files, without what is in them', async () => {
    const seen = await seenHere({}, { HOME: home.path });
    expect(seen.profiles).to.deep.equal(['dev', 'default']);
    expect(JSON.stringify(seen)).to.not.contain('kept-to-itself');
  });

  it('are those of the files that the variables name', async () => {
    const env = { HOME: home.path, AWS_CONFIG_FILE: join(home.path, 'other') };
    expect((await seenHere({}, env)).profiles).to.deep.equal(['elsewhere', 'default', 'dev']);
  });

  it('are none where there are no files', async () => {
    expect((await seenHere({}, { HOME: join(home.path, 'nobody') })).profiles).to.deep.equal([]);
  });

  it('are read from the beginning of a file, however long it is', async () => {
    const env = { HOME: home.path, AWS_CONFIG_FILE: join(home.path, 'long') };
    expect((await seenHere({}, env)).profiles).to.include('first');
  });

  it('is the name and the region of the options, before those of variables', async () => {
    const env = { HOME: home.path, SB_STACK: 'mine', AWS_REGION: 'eu-west-1' };
    const { stack, region } = await seenHere({}, env);
    expect([stack, region]).to.deep.equal(['mine', 'eu-west-1']);
    const chosen = await seenHere({ stack: 'yours', region: 'us-east-2' }, env);
    expect([chosen.stack, chosen.region]).to.deep.equal(['yours', 'us-east-2']);
  });
});
