import { GROUP, VERSION } from '../../crds/names.ts';
import { ownVersion } from '../../installation/version.ts';
import { explain } from '../failures/explain.ts';
import type { Versions } from '../documents/cluster.ts';
import type { Surroundings, Session, SessionOptions } from './types.ts';
import { missingFields, servedVersions, checkReachable } from './preflight.ts';

/** Asks the cluster; what it does not tell is a problem, not a failure. Without options only the client's own. */
export async function versionsOf(options: SessionOptions | undefined, io: Surroundings): Promise<Versions> {
  const client = { client: ownVersion(), problems: [] };
  if (!options) return client;
  const { withSession } = await import('./session.ts');
  try {
    return { ...client, ...(await withSession(options, io, versionsIn)) };
  } catch (error) {
    return { ...client, problems: [explain(error).message] };
  }
}

async function versionsIn(session: Session): Promise<Omit<Versions, 'client'>> {
  const problems: string[] = [];
  const noted = async <T>(reading: Promise<T>): Promise<T | undefined> =>
    reading.catch((error: unknown) => void problems.push(explain(error).message));
  const kubernetes = await checkReachable(session);
  const [operator, customResources] = await Promise.all([
    noted(session.client().then(({ operatorVersion }) => operatorVersion)),
    noted(customResourcesOf(session)),
  ]);
  return {
    kubernetes,
    ...(operator !== undefined && { operator }),
    ...(customResources && { customResources }),
    problems,
  };
}

async function customResourcesOf({ kube }: Session): Promise<NonNullable<Versions['customResources']>> {
  const served = await servedVersions(kube);
  const current = served.includes(VERSION) && (await missingFields(kube)).length === 0;
  return { served: served.map((version) => `${GROUP}/${version}`), current };
}
