import { KubeConfig } from '@kubernetes/client-node';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { CliError } from '../failures/error.ts';
import type { Surroundings } from './types.ts';
import type { SessionOptions } from './types.ts';

/** The user's kubeconfig with the wanted context as its current one. Throws SB-E002 and SB-E003. */
export function readKubeconfig(
  { kubeconfig, context }: SessionOptions,
  io: Pick<Surroundings, 'env' | 'cwd'>,
): KubeConfig {
  const present = presentFiles(kubeconfig, io);
  const config = merged(present);
  const wanted = context ?? config.currentContext;
  const known = config.contexts.map(({ name }) => name);
  if (!known.includes(wanted)) throw withoutContext(wanted, known);
  config.setCurrentContext(wanted);
  if (!config.getCurrentCluster())
    throw unreadable(present, `context ${wanted} names a cluster that is not in it`);
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
    what: wanted ? `cannot use the context ${wanted}` : 'cannot tell which cluster to talk to',
    why: `${wanted ? 'the kubeconfig has no such context' : 'the kubeconfig has no current context'}; it has: ${known.join(', ') || 'none'}`,
    fix: known.length > 0 ? `add --context ${known[0] ?? ''}` : 'kubectl config set-context --help',
  });
