import type { EnvironmentConfig } from '../toml/schema.ts';

/** Where the CRD's default limit of disk is too small for a request, the request is the limit. */
const DEFAULT_DISK_LIMIT_MB = 16 * 1024;

/** Requests and limits out of `[environment]`; undefined where it names none. CPU is never limited, as in Harbor on Kubernetes. */
export function resourcesOf({ cpus, memory_mb: memory, storage_mb: storage }: EnvironmentConfig) {
  const requests = {
    ...(cpus !== undefined && { cpu: Number.isInteger(cpus) ? String(cpus) : `${Math.ceil(cpus * 1000)}m` }),
    ...(memory !== undefined && { memory: `${memory}Mi` }),
    ...(storage !== undefined && { 'ephemeral-storage': `${storage}Mi` }),
  };
  const limits = {
    ...(memory !== undefined && { memory: `${memory}Mi` }),
    ...(storage !== undefined && storage > DEFAULT_DISK_LIMIT_MB && { 'ephemeral-storage': `${storage}Mi` }),
  };
  if (Object.keys(requests).length === 0) return undefined;
  return { requests, ...(Object.keys(limits).length > 0 && { limits }) };
}
