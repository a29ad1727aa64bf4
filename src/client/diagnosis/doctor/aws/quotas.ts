/** Whether the account's quotas are large enough for what the installation is set to do. */
import { compareQuotas, type Compared, type PoolLimit } from '../../../cloud/account/quotas.ts';
import { autoscalerOf } from '../autoscaling.ts';
import { fine, problem, skipped, warning, type Found } from '../check.ts';
import { awsCheck, type OperatorSettings } from './place.ts';

export const awsQuotas = awsCheck(
  { name: 'aws-quotas', subject: 'the account’s quotas' },
  async ({ region, inspection, settings }, { session: { kube } }) => {
    if (!settings) return [unseen];
    const pools = limitsOf(await autoscalerOf(kube));
    const project = settings['SB_CODEBUILD_PROJECT'];
    return judgeQuotas(
      await compareQuotas(inspection, { region, project, builds: buildsOf(settings), pools }),
    );
  },
);

const unseen = skipped(
  'the account’s quotas could not be held against the operator’s settings',
  'it needs the right to get statefulsets and configmaps in the operator’s namespace',
);

/** The operator's own default on AWS. */
const BUILDS = 20;
const buildsOf = (settings: OperatorSettings): number =>
  Number(settings['SB_MAX_CONCURRENT_BUILDS'] || BUILDS);

type Autoscaler = Awaited<ReturnType<typeof autoscalerOf>>;

const limitsOf = (autoscaler: Autoscaler): PoolLimit[] =>
  autoscaler.kind === 'karpenter'
    ? autoscaler.pools.map(({ pool: { metadata, spec } }) => ({
        name: metadata.name,
        cpu: spec?.limits?.['cpu'],
      }))
    : [];

function judgeQuotas({ quotas, short }: Compared): Found[] {
  if (short.length > 0)
    return short.map(({ isNone, what, why, fix }) => (isNone ? problem : warning)(what, why, fix));
  const { builds, onDemand, spot } = quotas;
  if (builds === undefined && onDemand === undefined)
    return [
      skipped('the account’s quotas are not known', 'Service Quotas has none for these builds and nodes'),
    ];
  return [
    fine(
      `the account may run ${builds ?? 'an unknown number of'} builds at once, and have ${onDemand ?? '?'} vCPUs on demand and ${spot ?? '?'} of spot instances`,
    ),
  ];
}
