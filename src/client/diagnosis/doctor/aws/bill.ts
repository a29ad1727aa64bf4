/** Whether what AWS charges can be told apart by researcher. */
import { COST_TAG, USER_ID } from '../../../../crds/namespace-rules.ts';
import { isForbidden } from '../../../../kube/errors.ts';
import { Namespace } from '../../../../kube/kinds.ts';
import type { KubeClient } from '../../../../kube/types.ts';
import { STACK_TAG } from '../../../../providers/aws/partition.ts';
import { ProviderError } from '../../../../providers/errors.ts';
import { fine, skipped, warning, type Found } from '../check.ts';
import { awsCheck } from './place.ts';

/** By the one the operator asks, and people; by the other this installation is told from others of the account. */
const TAGS = [COST_TAG, STACK_TAG];

export const awsBill = awsCheck(
  { name: 'aws-bill', subject: 'the tags of the bill' },
  async ({ inspection, settings }, { session: { kube } }) => {
    const isAsked = settings?.['SB_BUDGET_CORRECTION'] === 'CostExplorer';
    if (!isAsked && !(await hasResearchers(kube))) return [];
    const active = await inspection.activeCostTags(TAGS).catch((error: unknown) => {
      if (error instanceof ProviderError && error.reason === 'AccessDenied') return error;
      throw error;
    });
    return [active instanceof ProviderError ? unseen(active) : judgeTags(active, isAsked)];
  },
);

/** Who may not see Namespaces manages no researchers. */
async function hasResearchers(kube: KubeClient): Promise<boolean> {
  const found = await kube.list(Namespace, { labelSelector: USER_ID }).catch((error: unknown) => {
    if (isForbidden(error)) return [];
    throw error;
  });
  return found.length > 0;
}

/** In an organization its members are told nothing about tags of the bill. */
const unseen = ({ message }: ProviderError): Found =>
  skipped(
    `whether a bill can be split by ${COST_TAG} could not be checked`,
    `${message}; in an organization the account that pays alone may ask`,
  );

function judgeTags(active: readonly string[], isAsked: boolean): Found {
  const missing = TAGS.filter((tag) => !active.includes(tag));
  if (missing.length === 0) return fine(`a bill can be split by ${TAGS.join(' and ')}`);
  const entries = missing.map((tag) => `TagKey=${tag},Status=Active`);
  return warning(
    `a bill cannot be split by ${missing.join(' and ')}`,
    `${missing.length === 1 ? 'it is no cost allocation tag that is active' : 'they are no cost allocation tags that are active'}${isAsked ? '; until then the operator corrects no budget by the bill' : ''}`,
    `aws ce update-cost-allocation-tags-status --cost-allocation-tags-status ${entries.join(' ')}    (by the account that pays; AWS knows a tag a day after it was first used)`,
  );
}
