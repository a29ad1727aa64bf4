/** A cluster in memory that has the operator's word to clients, and whole commands on it. The store's address answers nobody. */
import { join } from 'node:path';
import { ApiServer } from '../api-server.ts';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { CLIENT_CONFIG, OPERATOR, STORE_SECRET } from '../../../src/installation/names.ts';
import { ConfigMap, Secret } from '../../../src/kube/kinds.ts';
import type { Kind, KubeObject } from '../../../src/kube/types.ts';
import { run } from '../../../src/cli/program.ts';
import { kubeconfigFor } from './api.ts';
import { folderOf } from '../folder.ts';
import { recordedIo } from '../terminal/recorded.ts';
import { ownVersion } from '../../../src/installation/version.ts';

export interface TestCluster {
  server: ApiServer;
  have(...trials: readonly Trial[]): void;
  /** Runs `sb` with these arguments in a folder of its own. */
  sb(...args: string[]): Promise<{ exit: number; out: string; err: string }>;
  /** What Tab offers after these words; the last is the one under the cursor. */
  complete(...words: string[]): Promise<string[]>;
  close(): Promise<void>;
}

const CLIENT = {
  profile: 'local',
  bucket: 'b',
  region: 'us-east-1',
  endpoint: 'http://127.0.0.1:1',
  operatorVersion: ownVersion(),
};

export async function testCluster(): Promise<TestCluster> {
  const server = await ApiServer.start();
  const folder = await folderOf({ config: kubeconfigFor(server.url) });
  const put = <T extends KubeObject>(kind: Kind<T>, object: T): void => {
    const { namespace = '', name } = object.metadata;
    server.collection(kind).objects.set(`${namespace}/${name}`, object);
  };
  put(ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: OPERATOR.namespace, name: CLIENT_CONFIG },
    data: CLIENT,
  });
  put(Secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: OPERATOR.namespace, name: STORE_SECRET },
    data: {},
  });
  const config = join(folder.path, 'config');
  const told = async (args: readonly string[]) => {
    const io = recordedIo({ cwd: folder.path });
    const exit = await run(args, io);
    return { exit, out: io.terminal.stdout, err: io.terminal.stderr };
  };
  return {
    server,
    have: (...trials) => trials.forEach((trial) => put(TrialKind, trial)),
    sb: (...args) => told([...args, '--kubeconfig', config]),
    async complete(...words) {
      const { out } = await told(['__complete', '--', '--kubeconfig', config, ...words]);
      return out.trimEnd().split('\n');
    },
    async close() {
      await server.close();
      await folder.remove();
    },
  };
}
