import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ACCOUNT, REGION, STACK } from '../../support/aws/facts.ts';
import { Sessions } from '../../support/aws/sessions.ts';
import { kubeconfig, kubectl, kubectlOk, makeNamespace } from '../../support/cluster.ts';
import { startEks, upstreamOf, type EksService } from '../../support/eks/index.ts';
import { tokenFor } from '../../support/eks/testing.ts';
import { folderOf, type Folder } from '../../support/folder.ts';
import { findProgram } from '../../support/programs.ts';

const POLICY = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy';

describe('a cluster of EKS, by its own tokens, with the local cluster behind its door', function () {
  this.timeout(120_000);
  const sessions = new Sessions();
  let eks: EksService;
  let folder: Folder;
  let namespace: string;

  before(async () => {
    const place = { region: REGION, account: ACCOUNT, credentials: sessions.known };
    eks = await startEks({ ...place, upstream: upstreamOf(kubeconfig) });
    const roleArn = `arn:aws:iam::${ACCOUNT}:role/cluster`;
    const cluster = await eks.create({ name: STACK, version: '1.35', roleArn, tags: {}, declared: {} });
    cluster.status = 'ACTIVE';
    const of = (role: string) => ({
      clusterName: STACK,
      principalArn: `arn:aws:iam::${ACCOUNT}:role/${role}`,
    });
    eks.clusters.addEntry({
      ...of('admin'),
      policies: [{ policyArn: POLICY, accessScope: { type: 'cluster' } }],
    });
    eks.clusters.addEntry({ ...of('researcher'), kubernetesGroups: ['researchers'] });
    folder = await folderOf({});
    namespace = await makeNamespace('eks-door');
    await kubectlOk(['-n', namespace, 'create', 'configmap', 'first']);
  });
  after(async () => {
    await eks?.close();
    await folder?.remove();
    await kubectl(['delete', 'namespace', namespace, '--wait=false']);
  });

  /** kubectl's options for who has this role. */
  const as = async (role: string): Promise<string[]> => {
    const { accessKeyId, secretAccessKey, sessionToken } = sessions.open(
      `arn:aws:sts::${ACCOUNT}:assumed-role/${role}/laptop`,
    );
    const { endpoint, authority } = eks.clusters.get({ clusterName: STACK });
    const ca = join(folder.path, 'ca.pem');
    await writeFile(ca, authority);
    const token = tokenFor({ cluster: STACK, key: { accessKeyId, secretAccessKey, sessionToken } });
    return [
      '--kubeconfig',
      '/dev/null',
      '--server',
      endpoint,
      '--certificate-authority',
      ca,
      '--token',
      token,
    ];
  };

  it('knows the admin of the access entry as one who may do everything', async () => {
    const admin = await as('admin');
    const who = JSON.parse(await kubectlOk([...admin, 'auth', 'whoami', '-o', 'json'])) as {
      status: { userInfo: { username: string; groups: string[] } };
    };
    expect(who.status.userInfo.username).to.equal(`arn:aws:sts::${ACCOUNT}:assumed-role/admin/laptop`);
    expect(who.status.userInfo.groups).to.include.members(['system:masters', 'system:authenticated']);
    expect((await kubectlOk([...admin, 'auth', 'can-i', '*', '*'])).trim()).to.equal('yes');
  });

  it('lets a group do what RBAC allows it, and no more', async () => {
    const researcher = await as('researcher');
    const get = ['-n', namespace, 'get', 'configmaps', '-o', 'name'];
    const before = await kubectl([...researcher, ...get]);
    expect(before.stderr).to.contain('Forbidden').and.contain('assumed-role/researcher/laptop');
    const create = (...words: string[]) => kubectlOk(['-n', namespace, 'create', ...words]);
    await create('role', 'reader', '--verb=get,list', '--resource=configmaps');
    await create('rolebinding', 'researchers', '--role=reader', '--group=researchers');
    expect(await kubectlOk([...researcher, ...get])).to.contain('configmap/first');
    expect((await kubectl([...researcher, 'get', 'nodes'])).stderr).to.contain('Forbidden');
  });

  it('refuses whoever has no access entry', async () => {
    const { code, stderr } = await kubectl([...(await as('stranger')), 'get', 'namespaces']);
    expect(code).to.not.equal(0);
    expect(stderr).to.match(/Unauthorized|must be logged in/);
    expect(eks.refusals(STACK).at(-1)).to.equal('no access entry');
  });

  it('passes on what is watched while it happens', async () => {
    const admin = await as('admin');
    const watch = spawn(findProgram('kubectl') ?? 'kubectl', [
      ...admin,
      '-n',
      namespace,
      'get',
      'configmaps',
      '-w',
      '-o',
      'name',
    ]);
    let seen = '';
    watch.stdout.on('data', (part: Buffer) => void (seen += part.toString()));
    while (!seen.includes('configmap/first')) await once(watch.stdout, 'data');
    await kubectlOk([...admin, '-n', namespace, 'create', 'configmap', 'second']);
    while (!seen.includes('configmap/second')) await once(watch.stdout, 'data');
    watch.kill();
  });
});
