/** A context in the user's kubeconfig, and nothing else of it changed. Pure, but for reading and writing the file. */
import { dump, load } from 'js-yaml';
import { lstat, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CliError } from '../../failures/error.ts';
import type { CloudContext, ClusterAddress } from '../steps.ts';

interface Named {
  name: string;
  [part: string]: unknown;
}

/** As kubectl has it; what we do not know is kept. */
interface Document {
  clusters?: Named[] | null;
  users?: Named[] | null;
  contexts?: Named[] | null;
  'current-context'?: string;
  [part: string]: unknown;
}

const LISTS = ['clusters', 'users', 'contexts'] as const;

/** More than anyone has. */
const MOST_BYTES = 8 * 1024 * 1024;

/** Where kubectl writes: the first file of KUBECONFIG that is there, else its last, else the one in the home directory. */
async function fileOf({ env, cwd }: Pick<CloudContext, 'env' | 'cwd'>): Promise<string> {
  const files = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  if (files.length === 0) return join(env['HOME'] ?? homedir(), '.kube', 'config');
  const paths = files.map((file) => resolve(cwd, file));
  for (const path of paths) if (await exists(path)) return path;
  return paths.at(-1) ?? '';
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** What of a context is ours. */
export interface Context {
  name: string;
  cluster: object;
  user: object;
}

const entriesOf = ({ name, cluster, user }: Context): Record<(typeof LISTS)[number], Named> => ({
  clusters: { name, cluster },
  users: { name, user },
  contexts: { name, context: { cluster: name, user: name } },
});

const COMMAND = 'sb';
const WORDS = ['cloud', 'token'];

/** How `sb` logs in for kubectl and everybody else: no AWS CLI is needed, and no token is kept. */
export function contextOf(
  { region, env }: Pick<CloudContext, 'region' | 'env'>,
  address: ClusterAddress,
): Context {
  const { arn, name, endpoint, authority } = address;
  const profile = env['AWS_PROFILE'];
  return {
    // As the AWS CLI calls it: nobody else's cluster has this name.
    name: arn,
    cluster: { server: endpoint, 'certificate-authority-data': authority },
    user: {
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: COMMAND,
        args: [...WORDS, '--cluster', name, '--region', region],
        ...(profile && { env: [{ name: 'AWS_PROFILE', value: profile }] }),
        interactiveMode: 'IfAvailable',
        installHint: 'sb is the command line of sb-operator: npm install --global sb-operator',
      },
    },
  };
}

/** The document with the context in it, as the current one. What somebody else has under that name is left as it is. Throws SB-E002 where that leads elsewhere. */
export function withContext(document: Document, context: Context): Document {
  const current = { 'current-context': context.name };
  if (isAnothers(document, context)) {
    refuseElsewhere(document, context);
    return { ...document, ...current };
  }
  const entries = entriesOf(context);
  const lists = LISTS.map((list) => {
    const known = document[list] ?? [];
    const at = known.findIndex(({ name }) => name === context.name);
    return [list, at < 0 ? [...known, entries[list]] : known.with(at, { ...known[at], ...entries[list] })];
  });
  return { apiVersion: 'v1', kind: 'Config', ...document, ...Object.fromEntries(lists), ...current };
}

const entryOf = (document: Document, list: (typeof LISTS)[number], name: string): Named | undefined =>
  document[list]?.find((entry) => entry.name === name);

/** The AWS CLI calls a context the same; one that logs in by another command is its, or somebody's own. */
function isAnothers(document: Document, { name }: Context): boolean {
  const [user, taken] = [entryOf(document, 'users', name), entryOf(document, 'contexts', name)];
  if (!user) return taken !== undefined;
  const { exec } = (user['user'] ?? {}) as { exec?: { command?: unknown; args?: unknown } };
  return !(exec?.command === COMMAND && isDeepStrictEqual([exec.args].flat().slice(0, 2), WORDS));
}

function refuseElsewhere(document: Document, { name, cluster }: Context): void {
  const found = entryOf(document, 'clusters', name)?.['cluster'] as { server?: unknown } | undefined;
  const { server } = cluster as { server?: unknown };
  if (found?.server === server) return;
  throw new CliError('SB-E002', {
    what: `cannot add the context ${name} to the kubeconfig`,
    why: `it has one of that name that leads to ${String(found?.server)} and not to ${String(server)}, and is not of sb`,
    fix: `kubectl config delete-context ${name}; kubectl config delete-user ${name}; kubectl config delete-cluster ${name}    (then run the same command again)`,
  });
}

/** The document without it. Who has it as the current one has none then. */
export function withoutContext(document: Document, name: string): Document {
  const lists = LISTS.flatMap((list) => {
    const known = document[list];
    return known ? [[list, known.filter((entry) => entry.name !== name)] as const] : [];
  });
  const isCurrent = document['current-context'] === name;
  return { ...document, ...Object.fromEntries(lists), ...(isCurrent && { 'current-context': '' }) };
}

/** Whether it is there, ours and as it is to be, or somebody else's that leads to the same cluster. */
export function hasContext(document: Document, context: Context): boolean {
  if (isAnothers(document, context)) return isDeepStrictEqual(withContext(document, context), document);
  const entries = entriesOf(context);
  return LISTS.every((list) => {
    const found = entryOf(document, list, context.name);
    return found !== undefined && isDeepStrictEqual({ ...found, ...entries[list] }, found);
  });
}

/** Whether there is one that `sb` made. */
export const isOwn = (document: Document, context: Context): boolean =>
  entryOf(document, 'contexts', context.name) !== undefined && !isAnothers(document, context);

/** What the file holds; empty where there is none. Throws SB-E002 where it is no kubeconfig. */
export async function readKubeconfig(path: string): Promise<Document> {
  const text = await textOf(path);
  if (text.trim() === '') return {};
  return parsed(text, path);
}

async function textOf(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MOST_BYTES) throw unusable(path, `it has ${size} bytes, more than ${MOST_BYTES}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error instanceof CliError ? error : unusable(path, (error as Error).message, error);
  }
}

function parsed(text: string, path: string): Document {
  let document: unknown;
  try {
    document = load(text);
  } catch (cause) {
    throw unusable(path, (cause as Error).message.split('\n')[0] ?? '', cause);
  }
  if (!isMap(document)) throw unusable(path, 'it is no map');
  for (const list of LISTS) {
    const found = document[list];
    if (found !== undefined && found !== null && !isNamedList(found))
      throw unusable(path, `${list} is no list of what has a name`);
  }
  return document;
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNamedList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((entry) => isMap(entry) && typeof entry['name'] === 'string');

const unusable = (path: string, why: string, cause?: unknown): CliError =>
  new CliError('SB-E002', {
    what: `cannot use the kubeconfig ${path}`,
    why,
    fix: `repair or move it, or choose another with KUBECONFIG=<file>; then run the same command again`,
    cause,
  });

/** What the user's kubeconfig holds. */
export const kubeconfigHere = async (where: Pick<CloudContext, 'env' | 'cwd'>): Promise<Document> =>
  readKubeconfig(await fileOf(where));

/** Writes what `change` makes of the user's kubeconfig, whole or not at all; a link stays one, and who may read it as well. Resolves to its path. */
export async function changeKubeconfig(
  where: Pick<CloudContext, 'env' | 'cwd'>,
  change: (document: Document) => Document,
): Promise<string> {
  const named = await fileOf(where);
  const path = await realpath(named).catch(() => named);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((cause: Error) => {
    throw unwritable(path, cause);
  });
  // As kubectl does: nobody else changes it between reading and writing.
  const lock = `${path}.lock`;
  await (await open(lock, 'wx').catch((cause: Error) => Promise.reject(unwritable(path, cause)))).close();
  try {
    const document = await readKubeconfig(path);
    await write(path, dump(change(document), { noRefs: true, lineWidth: -1 }));
  } finally {
    await rm(lock, { force: true });
  }
  return named;
}

async function write(path: string, text: string): Promise<void> {
  const mode = await stat(path).then(
    (found) => found.mode & 0o777,
    () => 0o600,
  );
  const part = `${path}.${process.pid}.part`;
  try {
    await using file = await open(part, 'wx', 0o600);
    await file.writeFile(text);
    await file.sync();
    await file.chmod(mode);
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true });
    throw unwritable(path, cause as Error);
  }
}

const unwritable = (path: string, cause: Error): CliError =>
  new CliError('SB-E015', {
    what: `cannot write the kubeconfig ${path}`,
    why: cause.message,
    fix: `choose another with KUBECONFIG=<file>, or remove ${path}.lock where nobody writes; then run the same command again`,
    cause,
  });
