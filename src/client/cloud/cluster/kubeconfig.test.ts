import { expect } from 'chai';
import { load } from 'js-yaml';
import { lstat, readFile, readdir, stat, symlink, writeFile, chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { addressOf, cloudOf } from '../../../../test/support/cloud.ts';
import { folderOf, type Folder } from '../../../../test/support/folder.ts';
import { kubeconfigStep } from './kubeconfig-step.ts';

const ADDRESS = addressOf('https://abc.eks.example');
const OTHERS = `\
apiVersion: v1
kind: Config
preferences: {colors: true}
current-context: mine
clusters: [{name: mine, cluster: {server: 'https://mine', extensions: [{name: x}]}}]
users: [{name: mine, user: {token: kept}}]
contexts: [{name: mine, context: {cluster: mine, user: mine, namespace: n}}]
`;
const step = kubeconfigStep();

interface Read {
  'current-context': string;
  clusters: { name: string; cluster: { server: string } }[];
  users: {
    name: string;
    user: { token?: string; exec?: { command: string; args: string[]; env?: object[] } };
  }[];
  contexts: { name: string; context: object }[];
  preferences?: object;
}

describe('The context in a kubeconfig', () => {
  let folder: Folder;
  let file: string;
  const cloud = (env: Record<string, string> = {}) =>
    cloudOf({ address: ADDRESS, env: { HOME: folder.path, ...env } });
  const read = async (): Promise<Read> => load(await readFile(file, 'utf8')) as Read;
  const failure = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => expect.fail('it did not fail'),
      (error: unknown) => `${(error as { code: string }).code} ${(error as Error).message}`,
    );
  beforeEach(async () => {
    folder = await folderOf({ '.kube/config': OTHERS });
    file = join(folder.path, '.kube/config');
  });
  afterEach(() => folder.remove());

  it('comes beside those of others, which stay as they are, and is the current one', async () => {
    expect(await step.isDone(cloud())).to.equal(false);
    await step.make(cloud());
    const { clusters, users, contexts, preferences, ...rest } = await read();
    const before = load(OTHERS) as Read;
    expect([clusters[0], users[0], contexts[0]]).to.deep.equal([
      before.clusters[0],
      before.users[0],
      before.contexts[0],
    ]);
    expect(preferences).to.deep.equal({ colors: true });
    expect(rest['current-context']).to.equal(ADDRESS.arn);
    expect(clusters[1]).to.deep.include({ name: ADDRESS.arn });
    expect(await step.isDone(cloud())).to.equal(true);
  });

  it('logs in by sb, as the profile that made it, and holds no secret', async () => {
    await step.make(cloud({ AWS_PROFILE: 'dev' }));
    const [, user] = (await read()).users;
    expect(user?.user.exec).to.deep.include({
      command: 'sb',
      args: ['cloud', 'token', '--cluster', 'sb', '--region', 'us-east-1'],
      env: [{ name: 'AWS_PROFILE', value: 'dev' }],
    });
  });

  it('is there once, however often it is made, and follows a cluster that was made anew', async () => {
    await step.make(cloud());
    await step.make(cloud());
    expect((await read()).contexts).to.have.lengthOf(2);
    const anew = cloudOf({ address: addressOf('https://new'), env: { HOME: folder.path } });
    expect(await step.isDone(anew)).to.equal(false);
    await step.make(anew);
    expect((await read()).clusters.map(({ cluster }) => cluster.server)).to.deep.equal([
      'https://mine',
      'https://new',
    ]);
  });

  it('goes, and leaves those of others', async () => {
    await step.make(cloud());
    await step.remove(cloud());
    const { clusters, users, contexts, ...rest } = await read();
    expect([clusters, users, contexts].map((list) => list.map(({ name }) => name))).to.deep.equal([
      ['mine'],
      ['mine'],
      ['mine'],
    ]);
    expect(rest['current-context']).to.equal('');
  });

  it('is left alone where the AWS CLI made one of that name for the same cluster, also when everything goes', async () => {
    const byTheCli = OTHERS.replaceAll('mine', ADDRESS.arn).replace(
      `https://${ADDRESS.arn}`,
      ADDRESS.endpoint,
    );
    await writeFile(file, byTheCli);
    await step.make(cloud());
    await step.remove(cloud());
    expect(await read()).to.deep.equal(load(byTheCli));
    expect(await step.isDone(cloud())).to.equal(true);
  });

  it('is refused where somebody has one of that name that leads elsewhere', async () => {
    await writeFile(file, OTHERS.replaceAll('mine', ADDRESS.arn));
    expect(await failure(step.make(cloud()))).to.match(/^SB-E002 .*leads to https:.*and is not of sb/);
  });

  for (const [what, text] of [
    ['is no YAML', 'a: [b'],
    ['is another document', '- a\n- b\n'],
    ['has entries without names', 'clusters: [{cluster: {}}]\n'],
    ['has two documents', `${OTHERS}---\n${OTHERS}`],
  ] as const)
    it(`is not written into a file that ${what}, which stays as it is`, async () => {
      await writeFile(file, text);
      expect(await failure(step.make(cloud()))).to.match(/^SB-E002 cannot use the kubeconfig/);
      expect(await readFile(file, 'utf8')).to.equal(text);
      expect(await readdir(join(folder.path, '.kube'))).to.deep.equal(['config']);
    });

  it('keeps who may read the file, and opens a new one to nobody else', async () => {
    await chmod(file, 0o640);
    await step.make(cloud());
    expect((await stat(file)).mode & 0o777).to.equal(0o640);
    const elsewhere = join(folder.path, 'new/config');
    await step.make(cloud({ KUBECONFIG: elsewhere }));
    expect((await stat(elsewhere)).mode & 0o777).to.equal(0o600);
    expect((await readdir(join(folder.path, 'new'))).sort()).to.deep.equal(['config']);
  });

  it('is written to what a link leads to', async () => {
    const link = join(folder.path, 'link');
    await symlink(file, link);
    await step.make(cloud({ KUBECONFIG: link }));
    expect((await lstat(link)).isSymbolicLink()).to.equal(true);
    expect((await read()).contexts).to.have.lengthOf(2);
  });

  it('goes into the first file of KUBECONFIG that is there', async () => {
    await step.make(cloud({ KUBECONFIG: `${join(folder.path, 'none')}:${file}` }));
    expect((await read()).contexts).to.have.lengthOf(2);
  });

  it('waits for nobody: a file that kubectl is writing is refused', async () => {
    await writeFile(`${file}.lock`, '');
    expect(await failure(step.make(cloud()))).to.match(/^SB-E015 cannot write the kubeconfig .*EEXIST/);
    expect(await readFile(file, 'utf8')).to.equal(OTHERS);
  });
});
