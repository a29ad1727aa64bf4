/** Whether the account's quotas are large enough for what the installation is set to do. */
import { GPU_NODES, SYSTEM_POOL } from '../../../../installation/aws/cluster/nodes.ts';
import { quotasOf, shortfalls, type Quotas, type Settings } from '../../../cloud/quotas.ts';
import { amountOf } from '../../../../crds/refusals.ts';
import { autoscalerOf } from '../autoscaling.ts';
import { fine, problem, skipped, warning, type Found } from '../check.ts';
import { awsCheck, type OperatorSettings } from './place.ts';

export const awsQuotas = awsCheck(
  { name: 'aws-quotas', subject: 'the account’s quotas' },
  async ({ region, inspection, settings }, { session: { kube } }) => {
    if (!settings) return [unseen];
    const project = settings['SB_CODEBUILD_PROJECT'];
    const [found, autoscaler] = await Promise.all([
      (project ? inspection.project(project) : Promise.resolve(undefined)).then((seen) =>
        quotasOf(inspection, seen),
      ),
      autoscalerOf(kube),
    ]);
    const wanted = { builds: buildsOf(settings), cpus: cpusOf(autoscaler), gpuCpus: gpuCpusOf(autoscaler) };
    return judgeQuotas(found, wanted, region);
  },
);

const unseen = skipped(
  'the account’s quotas could not be held against the operator’s settings',
  'it needs the right to get deployments and configmaps in the operator’s namespace',
);

/** The operator's own default on AWS. */
const BUILDS = 20;
const buildsOf = (settings: OperatorSettings): number =>
  Number(settings['SB_MAX_CONCURRENT_BUILDS'] || BUILDS);

type Autoscaler = Awaited<ReturnType<typeof autoscalerOf>>;

/** EKS's own pool for what belongs to the cluster has no limit, and a node or two. Nodes with GPUs have a quota of their own. */
const APART: readonly string[] = [SYSTEM_POOL.name, GPU_NODES];

/** CPUs that all NodePools may have; undefined where one has no limit, or there are none. */
function cpusOf(autoscaler: Autoscaler): number | undefined {
  if (autoscaler.kind !== 'karpenter' || autoscaler.pools.length === 0) return undefined;
  const limits = autoscaler.pools.flatMap(({ pool }) =>
    APART.includes(pool.metadata.name) ? [] : [pool.spec?.limits?.['cpu']],
  );
  return limits.includes(undefined)
    ? undefined
    : limits.reduce<number>((sum, limit) => sum + amountOf(limit ?? 0), 0);
}

function gpuCpusOf(autoscaler: Autoscaler): number | undefined {
  const pools = autoscaler.kind === 'karpenter' ? autoscaler.pools : [];
  const limit = pools.find(({ pool }) => pool.metadata.name === GPU_NODES)?.pool.spec?.limits?.['cpu'];
  return limit === undefined ? undefined : amountOf(limit);
}

function judgeQuotas(quotas: Quotas, settings: Settings, region: string): Found[] {
  const short = shortfalls(quotas, settings, region);
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
