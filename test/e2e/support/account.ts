/** A ServiceAccount as a user of `sb` and of the client. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubectlOk } from '../../support/cluster.ts';

interface Account {
  account: string;
  namespace: string;
}

/** Makes it, with a ClusterRole or Role (`role/name`) in its namespace; resolves to its kubeconfig. */
export async function accountWith({ account, namespace }: Account, role: string): Promise<string> {
  await kubectlOk(['create', 'serviceaccount', account, '-n', namespace]);
  const [name = '', kind = 'clusterrole'] = role.split('/').toReversed();
  await kubectlOk([
    'create',
    'rolebinding',
    account,
    '-n',
    namespace,
    `--${kind}=${name}`,
    `--serviceaccount=${namespace}:${account}`,
  ]);
  const token = (await kubectlOk(['create', 'token', account, '-n', namespace])).trim();
  const config = join(await mkdtemp(join(tmpdir(), 'sb-user-')), 'kubeconfig');
  await kubectlOk(['config', 'view', '--flatten', '--minify']).then((text) => writeFile(config, text));
  await kubectlOk(['--kubeconfig', config, 'config', 'set-credentials', 'them', `--token=${token}`]);
  await kubectlOk(['--kubeconfig', config, 'config', 'set-context', '--current', '--user=them']);
  return config;
}
