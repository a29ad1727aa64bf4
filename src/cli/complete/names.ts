/** Names for shell completion: all of them, as far as a tab press has patience, and no word about what went wrong. */
import { collectionPath, queryString } from '../../kube/http/paths.ts';
import { Sandbox } from '../../crds/kinds.ts';
import { Namespace } from '../../kube/kinds.ts';
import type { KubeObject } from '../../kube/types.ts';
import type { Names } from './complete.ts';
import { trialRows } from '../../client/runs/follow/follow.ts';
import { runNames } from '../../client/runs/find/runs.ts';
import { LATEST, type Named } from '../../client/runs/find/pick.ts';
import type { Io } from '../types.ts';
import type { Session, SessionOptions } from '../../client/session/types.ts';
import { contextNames, openSession } from '../../client/session/session.ts';

const LIMIT = 500;
const PATIENCE_MS = 1500;

/** The names that the cluster or the kubeconfig knows; none where they cannot be had. */
export async function namesOf(
  names: Names,
  options: SessionOptions,
  io: Pick<Io, 'env' | 'cwd' | 'now'>,
): Promise<string[]> {
  try {
    if (names === 'contexts') return contextNames(options, io);
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
  const signal = AbortSignal.timeout(PATIENCE_MS);
  switch (names) {
    case 'namespaces':
      return namespaceNames(session, signal);
    case 'trials':
      return trialNames(session, signal);
    case 'sandboxes':
      return sandboxNames(session, signal);
    case 'runs': {
      const found = new Map<string, Named>();
      // What is found when patience ends is better than nothing.
      await runNames(session, { found, signal }).catch(() => undefined);
      return [LATEST, ...found.keys()];
    }
    default:
      return names satisfies never;
  }
}

const namespaceNames = ({ kubeParts }: Session, signal: AbortSignal): Promise<string[]> =>
  namesBelow(kubeParts, collectionPath(Namespace), signal);

const sandboxNames = ({ kubeParts, namespace }: Session, signal: AbortSignal): Promise<string[]> =>
  namesBelow(kubeParts, collectionPath(Sandbox, namespace), signal);

async function namesBelow(
  kubeParts: Session['kubeParts'],
  collection: string,
  signal: AbortSignal,
): Promise<string[]> {
  const path = collection + queryString({ limit: LIMIT, resourceVersion: '0' });
  const answer = await kubeParts.transport.send({ method: 'GET', path, signal });
  return (JSON.parse(answer) as { items: KubeObject[] }).items.map(({ metadata }) => metadata.name);
}

async function trialNames(
  { kubeParts: { transport }, namespace }: Session,
  signal: AbortSignal,
): Promise<string[]> {
  const rows = await trialRows({ transport, namespace, resourceVersion: '0', signal });
  return rows.map(({ Name }) => String(Name));
}
