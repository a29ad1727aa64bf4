import type { EnvironmentConfig } from '../toml/schema.ts';

/**
 * What is set aside of a disk at most. A task names what it may need in the worst case, and disk is what a node has least of: were all of it set
 * aside, disks would be empty while Trials wait. The limit is what the task says.
 */
const DISK_REQUEST_MB = 2048;

/** Requests and limits out of `[environment]`; undefined where it names none. CPU is never limited, as in Harbor on Kubernetes. */
export function resourcesOf({ cpus, memory_mb: memory, storage_mb: storage }: EnvironmentConfig) {
  const requests = {
    ...(cpus !== undefined && { cpu: Number.isInteger(cpus) ? String(cpus) : `${Math.ceil(cpus * 1000)}m` }),
    ...(memory !== undefined && { memory: `${memory}Mi` }),
    ...(storage !== undefined && { 'ephemeral-storage': `${Math.min(storage, DISK_REQUEST_MB)}Mi` }),
  };
  const limits = {
    ...(memory !== undefined && { memory: `${memory}Mi` }),
    ...(storage !== undefined && { 'ephemeral-storage': `${storage}Mi` }),
  };
  if (Object.keys(requests).length === 0) return undefined;
  return { requests, ...(Object.keys(limits).length > 0 && { limits }) };
}
