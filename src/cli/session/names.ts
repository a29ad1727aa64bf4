/** Names for shell completion: at most a page of them, at most a second, and no word about what went wrong. */
import { LABEL } from '../../crds/names.ts';
import { Trial } from '../../crds/kinds.ts';
import { collectionPath, queryString } from '../../kube/http/paths.ts';
import { Namespace } from '../../kube/kinds.ts';
import type { KubeObject } from '../../kube/types.ts';
import type { Names } from '../complete/candidates.ts';
import type { Io, Session, SessionOptions } from '../types.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { openSession } from './session.ts';

const LIMIT = 500;
const PATIENCE_MS = 1000;

/** The names that the cluster or the kubeconfig knows; none where they cannot be had. */
export async function namesOf(
  names: Names,
  options: SessionOptions,
  io: Pick<Io, 'env' | 'cwd' | 'now'>,
): Promise<string[]> {
  try {
    if (names === 'contexts') return readKubeconfig(options, io).contexts.map(({ name }) => name);
    const session = openSession(options, io);
    try {
      return await namesIn(session, names);
    } finally {
      await session.close();
    }
  } catch {
    return [];
  }
}

async function namesIn(session: Session, names: Exclude<Names, 'contexts'>): Promise<string[]> {
  if (names === 'namespaces') return (await page(session, collectionPath(Namespace))).map(nameOf);
  const trials = await page(session, collectionPath(Trial, session.namespace));
  if (names === 'trials') return trials.map(nameOf);
  const runs = trials.flatMap(({ metadata }) => metadata.labels?.[LABEL.run] ?? []);
  return ['@latest', ...new Set(runs)];
}

const nameOf = ({ metadata }: KubeObject): string => metadata.name;

async function page({ kubeParts }: Session, path: string): Promise<KubeObject[]> {
  const answer = await kubeParts.transport.send({
    method: 'GET',
    path: path + queryString({ limit: LIMIT, resourceVersion: '0' }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  return (JSON.parse(answer) as { items: KubeObject[] }).items;
}
