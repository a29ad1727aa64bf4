/** What an account may have at once, against what an installation is set to have: pure, but for the asking. */
import { amountOf } from '../../../crds/refusals.ts';
import { GPU_NODES, SYSTEM_POOL } from '../../../installation/aws/cluster/nodes.ts';
import type { BuildProject, Inspection, QuotaCode } from '../../../providers/account/port.ts';

/** A NodePool of a cluster, as far as it limits which nodes there may be. */
export interface PoolLimit {
  name: string;
  /** As Kubernetes writes amounts; undefined: no limit. */
  cpu: string | number | undefined;
}

/** What an installation is set to have. */
interface Settings {
  /** `SB_MAX_CONCURRENT_BUILDS`. */
  builds: number;
  /** CPUs that its NodePools may have together; undefined where they have no limit, or there are none. */
  cpus: number | undefined;
  /** The same of the NodePool with GPUs, where there is one. */
  gpuCpus?: number | undefined;
}

/** What the account may have; undefined where that is not known. */
export interface Quotas {
  builds: number | undefined;
  /** Of which builds it is, where Service Quotas has one for them. */
  buildCode: string | undefined;
  onDemand: number | undefined;
  spot: number | undefined;
  /** vCPUs on demand of the families G and VT. */
  gpus?: number | undefined;
}

/** A quota that is too small. */
export interface Shortfall {
  /** Nothing works at all. */
  isNone: boolean;
  what: string;
  why: string;
  /** Commands. */
  fix: string;
}

const ON_DEMAND = { service: 'ec2', code: 'L-1216C47A' } as const satisfies QuotaCode;
const SPOT = { service: 'ec2', code: 'L-34B43A08' } as const satisfies QuotaCode;

const GPUS = { service: 'ec2', code: 'L-DB2E81BA' } as const satisfies QuotaCode;

/** "Concurrently running builds for Linux/… environment", by compute type. */
const BUILDS: Readonly<Record<string, string>> = {
  BUILD_GENERAL1_SMALL: 'L-9D07B6EF',
  BUILD_GENERAL1_MEDIUM: 'L-2DC20C30',
  BUILD_GENERAL1_LARGE: 'L-4DDC4A99',
  BUILD_GENERAL1_XLARGE: 'L-04E5CA62',
  BUILD_GENERAL1_2XLARGE: 'L-0397D009',
};

const buildCodeOf = (project: BuildProject | undefined): string | undefined =>
  project?.type === 'LINUX_CONTAINER' ? BUILDS[project.computeType] : undefined;

async function quotasOf(
  inspection: Pick<Inspection, 'quota'>,
  project: BuildProject | undefined,
): Promise<Quotas> {
  const buildCode = buildCodeOf(project);
  const [builds, onDemand, spot, gpus] = await Promise.all([
    buildCode === undefined ? undefined : inspection.quota({ service: 'codebuild', code: buildCode }),
    inspection.quota(ON_DEMAND),
    inspection.quota(SPOT),
    inspection.quota(GPUS),
  ]);
  return { builds, buildCode, onDemand, spot, gpus };
}

/** EKS's own pool for what belongs to the cluster has no limit, and a node or two. Nodes with GPUs have a quota of their own. */
const APART: readonly string[] = [SYSTEM_POOL.name, GPU_NODES];

/** What NodePools may have together. */
function vcpusOf(pools: readonly PoolLimit[]): Pick<Settings, 'cpus' | 'gpuCpus'> {
  const limits = pools.filter(({ name }) => !APART.includes(name)).map(({ cpu }) => cpu);
  const ofGpuNodes = pools.find(({ name }) => name === GPU_NODES)?.cpu;
  return {
    cpus:
      limits.length === 0 || limits.includes(undefined)
        ? undefined
        : limits.reduce<number>((sum, limit) => sum + amountOf(limit ?? 0), 0),
    gpuCpus: ofGpuNodes === undefined ? undefined : amountOf(ofGpuNodes),
  };
}

/** What an installation has that quotas are for. */
export interface Installed {
  region: string;
  /** `SB_CODEBUILD_PROJECT`; undefined where nobody names one. */
  project: string | undefined;
  /** `SB_MAX_CONCURRENT_BUILDS`. */
  builds: number;
  pools: readonly PoolLimit[];
}

/** Quotas against settings. */
export interface Compared {
  quotas: Quotas;
  settings: Settings;
  /** The quotas that are too small. */
  short: readonly Shortfall[];
}

/** Holds the account's quotas against what an installation is set to have. */
export async function compareQuotas(
  inspection: Pick<Inspection, 'quota' | 'project'>,
  { region, project, builds, pools }: Installed,
): Promise<Compared> {
  const quotas = await quotasOf(inspection, project ? await inspection.project(project) : undefined);
  const settings = { builds, ...vcpusOf(pools) };
  const short = [ofBuilds, ofNodes, ofGpus].flatMap((look) => look(quotas, settings, region) ?? []);
  return { quotas, settings, short };
}

const ask = ({ service, code }: QuotaCode, value: number, region: string): string =>
  `aws service-quotas request-service-quota-increase --region ${region} --service-code ${service} --quota-code ${code} --desired-value ${value}`;

function ofBuilds({ builds, buildCode }: Quotas, settings: Settings, region: string): Shortfall | undefined {
  if (builds === undefined || buildCode === undefined || builds >= settings.builds) return undefined;
  const more = ask({ service: 'codebuild', code: buildCode }, settings.builds, region);
  if (builds < 1)
    return {
      isNone: true,
      what: 'CodeBuild runs no build in this account',
      why: 'its quota of builds at once is 0, as new accounts may have it',
      fix: more,
    };
  return {
    isNone: false,
    what: `CodeBuild runs ${builds} ${builds === 1 ? 'build' : 'builds'} at once here, and the operator starts up to ${settings.builds}`,
    why: 'the others wait in CodeBuild’s queue, or are refused and tried again',
    fix: `${more}    (or set SB_MAX_CONCURRENT_BUILDS to ${builds})`,
  };
}

/** The smallest node that NodePools of ours take. */
const SMALLEST_NODE = 2;

function ofNodes({ onDemand, spot }: Quotas, { cpus }: Settings, region: string): Shortfall | undefined {
  if (onDemand === undefined || spot === undefined) return undefined;
  const here = `${onDemand} vCPUs on demand and ${spot} of spot instances`;
  if (onDemand < SMALLEST_NODE)
    return {
      isNone: true,
      what: 'EC2 starts no node on demand in this account',
      why: `its quotas are ${here}, and the operator’s node is one on demand`,
      fix: ask(ON_DEMAND, cpus ?? SMALLEST_NODE, region),
    };
  if (cpus === undefined || onDemand + spot >= cpus) return undefined;
  return {
    isNone: false,
    what: `EC2 gives this account fewer vCPUs than the NodePools may have: ${onDemand + spot} of ${cpus}`,
    why: `its quotas are ${here}; Trials beyond that wait for nodes`,
    fix: `${ask(SPOT, cpus, region)}\n${ask(ON_DEMAND, cpus, region)}`,
  };
}

function ofGpus({ gpus }: Quotas, { gpuCpus }: Settings, region: string): Shortfall | undefined {
  if (gpus === undefined || gpuCpus === undefined || gpus >= gpuCpus) return undefined;
  return {
    isNone: false,
    what: `EC2 gives this account fewer vCPUs of nodes with GPUs than their NodePool may have: ${gpus} of ${gpuCpus}`,
    why: 'Trials that ask for GPUs beyond that wait for nodes; a new account has a quota of 0 for the families G and VT',
    fix: ask(GPUS, gpuCpus, region),
  };
}
