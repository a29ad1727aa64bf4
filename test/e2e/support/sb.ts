/** `sb` in a process of its own, on pipes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { CLIENT_CONFIG, OPERATOR } from '../../../src/installation/names.ts';
import { kubeconfig, kubectlOk, root, type Said } from '../../support/cluster.ts';
import { startFront, type Front } from '../../support/front.ts';
import { eventuallyTrue } from '../../support/eventually.ts';

export interface SbPlace {
  /** Where it runs. */
  cwd: string;
  namespace: string;
  /** Default: the local cluster's. */
  config?: string;
}

export interface RunningSb {
  child: ChildProcess;
  /** So far. */
  said: Said;
  /** Its exit code is -1 where a signal ended it. */
  end: Promise<Said>;
}

/** Starts `sb` without the credentials and colours of whoever runs the tests. */
export function startSb(args: string[], { cwd, namespace, config = kubeconfig }: SbPlace): RunningSb {
  const { AWS_ACCESS_KEY_ID: _, AWS_PROFILE: __, FORCE_COLOR: ___, ...env } = process.env;
  // What stands after `--` is the command's own.
  const at = args.includes('--') ? args.indexOf('--') : args.length;
  const place = ['--kubeconfig', config, '-n', namespace];
  const all = [join(root, 'bin/sb.mjs'), ...args.slice(0, at), ...place, ...args.slice(at)];
  const child = spawn(process.execPath, all, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: Said = { code: -1, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (said.stdout += chunk));
  child.stderr.on('data', (chunk) => (said.stderr += chunk));
  const end = once(child, 'close').then(([code]: (number | null)[]) => ({ ...said, code: code ?? -1 }));
  return { child, said, end };
}

/** Waits for a text on stderr; throws with all of it where `sb` ends without. */
export const says = ({ child, said }: RunningSb, what: string, seconds = 120): Promise<void> =>
  eventuallyTrue(
    `sb says ${what}`,
    () => {
      if (said.stderr.includes(what)) return true;
      if (child.exitCode !== null) throw new Error(`sb ended without ${what}: ${said.stderr}`);
      return false;
    },
    seconds,
  );

/** An API server and a store that can be made to fail for one `sb` alone. */
export interface Fronts {
  api: Front;
  store: Front;
  /** The kubeconfig that leads to them. */
  config: string;
  stop(): Promise<void>;
}

interface AdminConfig {
  clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
  users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
}

/** Puts a front before each, and a kubeconfig into the folder. The ConfigMap for clients names the store's front where it is read through the API server's. */
export async function startFronts(folder: string, endpoint: string): Promise<Fronts> {
  const raw = await kubectlOk(['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json']);
  const { clusters, users } = JSON.parse(raw) as AdminConfig;
  const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
  const { 'client-certificate-data': cert, 'client-key-data': key } = users[0].user;
  const pem = (data: string): string => Buffer.from(data, 'base64').toString();
  const agent = new Agent({ ca: pem(ca), cert: pem(cert), key: pem(key), keepAlive: true });
  const store = await startFront({ server: endpoint });
  const path = `/api/v1/namespaces/${OPERATOR.namespace}/configmaps/${CLIENT_CONFIG}`;
  const change = (body: string): string => body.replaceAll(endpoint, store.url);
  const api = await startFront({ server, agent, edit: { path, change } });
  const config = join(folder, 'fronts.json');
  await writeFile(config, JSON.stringify(configOf(api.url)));
  const stop = async (): Promise<void> => {
    await Promise.all([api.stop(), store.stop()]);
    agent.destroy();
  };
  return { api, store, config, stop };
}

const configOf = (server: string): object => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{ name: 'front', cluster: { server, 'insecure-skip-tls-verify': true } }],
  users: [{ name: 'front', user: {} }],
  contexts: [{ name: 'front', context: { cluster: 'front', user: 'front' } }],
  'current-context': 'front',
});
