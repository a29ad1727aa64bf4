/** What an installation knows of its GPUs, and which of those a task may have. Pure. */

/** One type of GPU. */
export interface GpuType {
  /** Labels of nodes that have it; a node with all labels of one of these is taken. */
  nodeSelectors: Record<string, string>[];
  /** Extended resource that a container asks for. */
  resource: string;
}

export interface Gpus {
  /** What is asked for where a task names no type. */
  resource: string;
  /** By name in lower case. */
  types: Record<string, GpuType>;
}

interface Wanted {
  gpus?: number;
  gpuTypes?: string[];
}

const typeOf = ({ types }: Gpus, name: string): GpuType | undefined => {
  const key = name.trim().toLowerCase();
  return Object.hasOwn(types, key) ? types[key] : undefined;
};

/** Why this installation cannot give a task the GPUs that it wants; undefined where it can. Of several types that a task accepts one is enough. */
export function gpuFault({ gpus = 0, gpuTypes = [] }: Wanted, known: Gpus): string | undefined {
  if (gpus === 0 || gpuTypes.length === 0 || gpuTypes.some((name) => typeOf(known, name))) return undefined;
  const names = Object.keys(known.types).sort().join(', ') || 'none';
  return `environment.gpu_types: this installation knows no GPU of type ${gpuTypes.join(' or ')}; it knows ${names}: the operator's setting SB_GPU_TYPES adds others`;
}

/** The GPUs that a container asks for; undefined where it wants none. Where nodes matter, one of `nodeSelectors` must fit. */
export function gpusFor(
  { gpus = 0, gpuTypes = [] }: Wanted,
  known: Gpus,
): (GpuType & { count: number }) | undefined {
  if (gpus === 0) return undefined;
  const types = gpuTypes.flatMap((name) => typeOf(known, name) ?? []);
  // A container asks for one resource: that of the type named first.
  const resource = types[0]?.resource ?? known.resource;
  const nodeSelectors = types
    .filter((type) => type.resource === resource)
    .flatMap((type) => type.nodeSelectors);
  return { count: gpus, resource, nodeSelectors };
}
