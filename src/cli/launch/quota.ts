/** Whether a run fits into the namespace's quotas, as far as the user may read them. */
import { isForbidden } from '../../kube/errors.ts';
import type { Kind, KubeObject } from '../../kube/types.ts';
import { bytesOf, coresOf } from '../plan/overrides.ts';
import type { PlanSummary } from '../plan/summary.ts';
import type { Session } from '../types.ts';

interface Quota extends KubeObject {
  status?: { hard?: Record<string, string>; used?: Record<string, string> };
}

const ResourceQuota: Kind<Quota> = {
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  namespaced: true,
};

const whole = (text: string): number => Number(text);

/** What the run takes of a quota's resource, and how its amounts are read. */
const TAKEN: Record<string, { read: (text: string) => number; of: (plan: PlanSummary) => number }> = {
  'count/trials.sb.abundant.ai': { read: whole, of: ({ trials }) => trials },
  'count/jobs.batch': { read: whole, of: ({ trials }) => trials },
  pods: { read: whole, of: ({ trials }) => trials },
  'count/pods': { read: whole, of: ({ trials }) => trials },
  'requests.cpu': { read: coresOf, of: ({ requests }) => requests.cores },
  cpu: { read: coresOf, of: ({ requests }) => requests.cores },
  'requests.memory': { read: bytesOf, of: ({ requests }) => requests.memoryBytes },
  memory: { read: bytesOf, of: ({ requests }) => requests.memoryBytes },
  'requests.ephemeral-storage': { read: bytesOf, of: ({ requests }) => requests.storageBytes },
};

/** A line for each limit that all Trials together would go beyond; Trials beyond a limit on Pods wait, those beyond one on Trials are refused. */
export async function quotaLines({ kube, namespace }: Session, plan: PlanSummary): Promise<string[]> {
  const quotas = await kube.list(ResourceQuota, { namespace }).catch((error: unknown) => {
    if (isForbidden(error)) return undefined;
    throw error;
  });
  if (!quotas) return ['quotas: you may not read them'];
  const lines = quotas.flatMap(({ metadata, status }) =>
    exceeded(plan, status).map((line) => `quota ${metadata.name}: ${line}`),
  );
  return lines.length > 0 ? lines : [`quotas: ${quotas.length === 0 ? 'none' : 'the run fits'}`];
}

const exceeded = (plan: PlanSummary, { hard = {}, used = {} }: NonNullable<Quota['status']> = {}): string[] =>
  Object.entries(hard).flatMap(([resource, limit]) => {
    const taken = TAKEN[resource];
    if (!taken) return [];
    const free = taken.read(limit) - taken.read(used[resource] ?? '0');
    if (taken.of(plan) <= free) return [];
    return [
      `${used[resource] ?? 0} of ${limit} ${resource} are used, and all Trials at once want more than the rest`,
    ];
  });
