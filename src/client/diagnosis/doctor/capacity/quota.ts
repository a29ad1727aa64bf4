import { amountOf } from '../../../../crds/refusals.ts';
import { fine, problem, warning, type Check, type Found, type Patient } from '../check-result.ts';
import { ResourceQuota } from '../kinds.ts';
import { DEFAULT_TRIAL } from './room.ts';

/** What one default Trial counts as, by the names that quotas use. Limits: the CRD's default for disk alone. */
const ONE: Record<string, number> = {
  cpu: DEFAULT_TRIAL.cpu,
  'requests.cpu': DEFAULT_TRIAL.cpu,
  memory: DEFAULT_TRIAL.memory,
  'requests.memory': DEFAULT_TRIAL.memory,
  'requests.ephemeral-storage': DEFAULT_TRIAL['ephemeral-storage'],
  pods: 1,
  'count/pods': 1,
  'count/jobs.batch': 1,
  'count/trials.sb.abundant.ai': 1,
};

/** Whether each quota has room for one default Trial, now or ever. */
export function judgeQuotas(quotas: readonly ResourceQuota[], namespace: string): Found[] {
  const found = quotas.flatMap(({ metadata: { name }, status }) =>
    Object.entries(status?.hard ?? {}).flatMap(([resource, hard]) => {
      const one = ONE[resource];
      const used = status?.used?.[resource] ?? '0';
      if (one === undefined || amountOf(hard) - amountOf(used) >= one) return [];
      const fix = `kubectl -n ${namespace} describe resourcequota ${name}    (wait, or ask for more)`;
      const isTooSmall = amountOf(hard) < one;
      return [
        (isTooSmall ? problem : warning)(
          `quota ${name} has no room for a default Trial`,
          `${resource}: ${used} of ${hard} used`,
          fix,
        ),
      ];
    }),
  );
  if (found.length > 0) return found;
  return [
    fine(
      quotas.length === 0
        ? `namespace ${namespace} has no quota`
        : `the quota of namespace ${namespace} has room`,
    ),
  ];
}

export const quota: Check<Patient> = {
  name: 'quota',
  subject: 'the quota of the namespace',
  run: async ({ session: { kube, namespace } }) =>
    judgeQuotas(await kube.list(ResourceQuota, { namespace }), namespace),
};
