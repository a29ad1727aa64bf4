/** Settings about GPUs: `SB_GPU_RESOURCE` and `SB_GPU_TYPES`. */
import type { Gpus, GpuType } from '../crds/gpus.ts';
import { isRecord } from '../text/json.ts';
import type { Reader } from './reader.ts';

const RESOURCE = /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const NVIDIA = 'nvidia.com/gpu';

/** Nodes of EKS that Karpenter made, and those of EKS Auto Mode, whose labels begin in another way. `mebibytes`: memory of the GPU. */
const eks = (name: string, mebibytes?: number): Record<string, string>[] =>
  ['karpenter.k8s.aws', 'eks.amazonaws.com'].map((prefix) => ({
    [`${prefix}/instance-gpu-name`]: name,
    ...(mebibytes !== undefined && { [`${prefix}/instance-gpu-memory`]: String(mebibytes) }),
  }));
/** Nodes of GKE. */
const gke = (accelerator: string) => ({ 'cloud.google.com/gke-accelerator': accelerator });

/** The names are Harbor's, and those of EC2's other GPUs. */
const DEFAULT_TYPES: Record<string, Record<string, string>[]> = {
  t4: [...eks('t4'), gke('nvidia-tesla-t4')],
  l4: [...eks('l4'), gke('nvidia-l4')],
  l40s: [...eks('l40s')],
  a10g: [...eks('a10g')],
  v100: [...eks('v100'), gke('nvidia-tesla-v100')],
  a100: [...eks('a100'), gke('nvidia-tesla-a100')],
  'a100-40gb': [...eks('a100', 40_960), gke('nvidia-tesla-a100')],
  'a100-80gb': [...eks('a100', 81_920), gke('nvidia-a100-80gb')],
  'rtx-pro-6000': [gke('nvidia-rtx-pro-6000')],
  h100: [...eks('h100'), gke('nvidia-h100-80gb')],
  'h100-mega': [gke('nvidia-h100-mega-80gb')],
  h200: [...eks('h200'), gke('nvidia-h200-141gb')],
  b200: [...eks('b200'), gke('nvidia-b200')],
  gb200: [gke('nvidia-gb200')],
};

/** Those of `SB_GPU_TYPES` add to the types that are known anyway, or take their places; `{}` in place of a type removes it. */
export function gpuSettings(read: Reader): Gpus {
  const resource = read.text('SB_GPU_RESOURCE', NVIDIA, { is: RESOURCE, called: 'the name of a resource' });
  const defaults = Object.entries(DEFAULT_TYPES).map(
    ([name, nodeSelectors]) => [name, { nodeSelectors, resource }] as const,
  );
  const own = read.json('SB_GPU_TYPES', (value) => ownTypes(value, resource), {
    fallback: {},
    called:
      'a JSON object such as {"H100":{"nodeSelectors":[{"gpu":"h100"}],"resource":"nvidia.com/gpu"}}; resource may be left out',
  });
  const types = Object.entries({ ...Object.fromEntries(defaults), ...own });
  return {
    resource,
    types: Object.fromEntries(types.filter((entry): entry is [string, GpuType] => entry[1] !== undefined)),
  };
}

type OwnTypes = Record<string, GpuType | undefined>;

/** Undefined for what is no table of types. */
function ownTypes(value: unknown, resource: string): OwnTypes | undefined {
  if (!isRecord(value)) return undefined;
  const types = Object.entries(value).map(
    ([name, type]) => [name.toLowerCase(), ownType(type, resource)] as const,
  );
  if (types.some(([, type]) => type === 'wrong')) return undefined;
  return Object.fromEntries(types) as OwnTypes;
}

function ownType(value: unknown, fallback: string): GpuType | undefined | 'wrong' {
  if (!isRecord(value)) return 'wrong';
  const { nodeSelectors, resource = fallback, ...others } = value;
  if (Object.keys(value).length === 0) return undefined;
  const isType = Object.keys(others).length === 0 && isResource(resource) && isSelectors(nodeSelectors);
  return isType ? { nodeSelectors, resource } : 'wrong';
}

const isResource = (value: unknown): value is string => typeof value === 'string' && RESOURCE.test(value);

const isSelectors = (value: unknown): value is Record<string, string>[] =>
  Array.isArray(value) && value.length > 0 && value.every(isLabels);

const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

const isLabels = (value: unknown): value is Record<string, string> =>
  isRecord(value) &&
  Object.keys(value).length > 0 &&
  Object.entries(value).every(
    ([key, text]) => RESOURCE.test(key) && typeof text === 'string' && LABEL_VALUE.test(text),
  );
