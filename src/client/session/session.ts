import { KubeConfig } from '@kubernetes/client-node';
import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { STORE_SECRET } from '../../installation/names.ts';
import { connect } from '../../kube/connect.ts';
import type { KubeClient, Log } from '../../kube/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { StoreClosed } from '../../providers/profiles/profile.ts';
import { openStore } from '../../providers/profiles/profiles.ts';
import { CliError } from '../failures/error.ts';
import { readClientConfig } from './client-config.ts';
import { checkNamespaceName } from './namespace.ts';
import type { ClientConfig, Session, SessionOptions, Surroundings } from './types.ts';

/** Owner of the fields that `sb` applies. */
const FIELD_MANAGER = 'sb';

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A connection with the user's own credentials; nothing is sent before something is asked for. */
export function openSession(options: SessionOptions, io: Surroundings): Session {
  const kubeConfig = readKubeconfig(options, io);
  const kubeParts = connect({ kubeConfig, fieldManager: FIELD_MANAGER, log: silent });
  const kube = kubeParts.client;
  const context = kubeConfig.currentContext;
  const closing = new AbortController();
  const client = once(() => readClientConfig(kube));
  return {
    kube,
    kubeParts,
    context,
    namespace: checkNamespaceName(
      options.namespace ?? (kubeConfig.getContextObject(context)?.namespace || 'default'),
    ),
    client,
    store: once(async () => storeOf(await client(), { kube, env: io.env })),
    now: io.now,
    env: io.env,
    closed: closing.signal,
    async close() {
      closing.abort(new Error('the session was closed'));
      await kubeParts.close();
    },
  };
}

/** Calls it at the first use; everybody gets the same promise. What has failed is tried again: an API server comes back. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    const current = (made ??= make());
    current.catch(() => made === current && (made = undefined));
    return current;
  };
}

/** Does something with a session and closes it. */
export async function withSession<T>(
  options: SessionOptions,
  io: Surroundings,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = openSession(options, io);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** The installation's bucket with the user's own credentials, every call retried. Throws SB-E012 where there are none. */
async function storeOf(
  client: ClientConfig,
  { kube, env }: { kube: KubeClient; env: Surroundings['env'] },
): Promise<ArtifactStore> {
  const secret = { namespace: client.operatorNamespace, name: client.storeSecret ?? STORE_SECRET };
  try {
    return await openStore(client, { kube, env, secret });
  } catch (error) {
    throw error instanceof StoreClosed ? new CliError('SB-E012', error) : error;
  }
}

/** The user's kubeconfig with the wanted context as its current one. Throws SB-E002 and SB-E003. */
function readKubeconfig(
  { kubeconfig, context }: SessionOptions,
  io: Pick<Surroundings, 'env' | 'cwd'>,
): KubeConfig {
  const pod = kubeconfig === undefined && !io.env['KUBECONFIG'] ? podConfig(io) : undefined;
  const present = pod ? [] : presentFiles(kubeconfig, io);
  const config = pod ?? merged(present);
  const wanted = context ?? config.currentContext;
  const known = config.contexts.map(({ name }) => name);
  if (!known.includes(wanted)) throw withoutContext(wanted, known);
  config.setCurrentContext(wanted);
  if (!config.getCurrentCluster())
    throw unreadable(present, `context ${wanted} names a cluster that is not in it`);
  return config;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The ServiceAccount of the Pod that this runs in, as kubectl takes it: where nobody has a kubeconfig. */
function podConfig({ env, cwd }: Pick<Surroundings, 'env' | 'cwd'>): KubeConfig | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  const tokenFile = `${SERVICE_ACCOUNT}/token`;
  if (!host || !existsSync(tokenFile) || filesOf(undefined, { env, cwd }).some((file) => existsSync(file)))
    return undefined;
  const name = 'in-cluster';
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const namespace = readFileSync(`${SERVICE_ACCOUNT}/namespace`, 'utf8').trim();
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name, server, caFile: `${SERVICE_ACCOUNT}/ca.crt`, skipTLSVerify: false }],
    users: [{ name, authProvider: { name: 'tokenFile', config: { tokenFile } } }],
    contexts: [{ name, cluster: name, user: name, namespace }],
    currentContext: name,
  });
  return config;
}

/** Names of all contexts, also where none is the current one. Throws SB-E002. */
export const contextNames = (
  { kubeconfig }: SessionOptions,
  io: Pick<Surroundings, 'env' | 'cwd'>,
): string[] => merged(presentFiles(kubeconfig, io)).contexts.map(({ name }) => name);

function presentFiles(flag: string | undefined, io: Pick<Surroundings, 'env' | 'cwd'>): string[] {
  const files = filesOf(flag, io);
  const present = files.filter((file) => existsSync(file));
  if (present.length === 0) throw withoutKubeconfig(files);
  return present;
}

/** As kubectl: the flag's file alone, else all of KUBECONFIG, else the one in the home directory. */
function filesOf(flag: string | undefined, { env, cwd }: Pick<Surroundings, 'env' | 'cwd'>): string[] {
  if (flag !== undefined) return [resolve(cwd, flag)];
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  return listed.length > 0
    ? listed.map((file) => resolve(cwd, file))
    : [join(env['HOME'] ?? homedir(), '.kube', 'config')];
}

function merged(files: readonly string[]): KubeConfig {
  const [first, ...others] = files.map((file) => {
    const config = new KubeConfig();
    try {
      config.loadFromFile(file);
    } catch (cause) {
      throw unreadable([file], (cause as Error).message, cause);
    }
    return config;
  });
  const config = first ?? new KubeConfig();
  for (const other of others) {
    const { currentContext } = config;
    // The first file that says something wins.
    const keep = <T extends { name: string }>(own: readonly T[], more: readonly T[]): T[] => [
      ...own,
      ...more.filter(({ name }) => !own.some((known) => known.name === name)),
    ];
    config.clusters = keep(config.clusters, other.clusters);
    config.users = keep(config.users, other.users);
    config.contexts = keep(config.contexts, other.contexts);
    if (!currentContext) config.currentContext = other.currentContext;
  }
  return config;
}

const withoutKubeconfig = (files: readonly string[]): CliError =>
  new CliError('SB-E002', {
    what: 'cannot find a cluster to talk to',
    why: `there is no kubeconfig: ${files.join(', ')} ${files.length > 1 ? 'do' : 'does'} not exist`,
    fix:
      'export KUBECONFIG=<file>    (or --kubeconfig <file>)\n' +
      'without a cluster: npm run cluster:up in a checkout of sb-operator starts one on this machine',
  });

const unreadable = (files: readonly string[], why: string, cause?: unknown): CliError =>
  new CliError('SB-E002', {
    what: `cannot use the kubeconfig ${files.join(', ')}`,
    why,
    fix: `kubectl config view --kubeconfig ${files[0] ?? ''}`,
    cause,
  });

const withoutContext = (wanted: string, known: readonly string[]): CliError =>
  new CliError('SB-E003', {
    what: wanted ? `cannot use the context ${wanted}` : 'cannot determine which cluster to use',
    why: `${wanted ? 'the kubeconfig has no such context' : 'the kubeconfig has no current context'}; it has: ${known.join(', ') || 'none'}`,
    fix: known.length > 0 ? `add --context ${known[0] ?? ''}` : 'kubectl config set-context --help',
  });
