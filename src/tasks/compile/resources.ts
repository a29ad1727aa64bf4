/** Requests and limits of the task container. */
import { amountOf } from '../../crds/refusals.ts';
import type { Environment } from '../../crds/environment.ts';
import { present } from '../../crds/present.ts';
import type { Quantity } from '../../crds/schema.ts';
import type { ComposeResources } from '../compose/types.ts';
import type { EnvironmentConfig } from '../toml/schema.ts';
import type { CompleteResources } from './types.ts';

/**
 * What is set aside of a disk at most. A task names what it may need in the worst case, and disk is what a node has least of: were all of it set
 * aside, disks would be empty while Trials wait. The limit is what the task says.
 */
const DISK_REQUEST_MB = 2048;

/** What neither Trial nor task name. */
export const DEFAULT_RESOURCES = {
  requests: { cpu: '500m', memory: '512Mi', 'ephemeral-storage': '8Gi' },
  limits: { 'ephemeral-storage': '16Gi' },
} as const;

type Amounts = NonNullable<Environment['resources']>;

/** Requests and limits out of `[environment]`; undefined where it names none. CPU is never limited, as in Harbor on Kubernetes. */
export function resourcesOf({
  cpus,
  memory_mb: memory,
  storage_mb: storage,
}: Pick<EnvironmentConfig, 'cpus' | 'memory_mb' | 'storage_mb'>): Amounts | undefined {
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

/** The Trial's amounts over the task's over the defaults. Who names a request or a limit decides both: a request of one and a limit of the other may not fit. */
export function completeResources(own: Amounts = {}, ofTask: Amounts = {}): CompleteResources {
  const pair = (name: keyof CompleteResources['limits']): { request: Quantity; limit?: Quantity } => {
    const chosen = [own, ofTask].find(
      ({ requests, limits }) => (requests?.[name] ?? limits?.[name]) !== undefined,
    );
    const limits: Amounts['limits'] = DEFAULT_RESOURCES.limits;
    const limit = chosen?.limits?.[name];
    const request = chosen?.requests?.[name] ?? lesser(DEFAULT_RESOURCES.requests[name], limit);
    return withLimit(request, limit ?? greater(limits[name], request));
  };
  const [cpu, memory, disk] = [pair('cpu'), pair('memory'), pair('ephemeral-storage')];
  return {
    requests: { cpu: cpu.request, memory: memory.request, 'ephemeral-storage': disk.request },
    limits: {
      ...(cpu.limit !== undefined && { cpu: cpu.limit }),
      ...(memory.limit !== undefined && { memory: memory.limit }),
      'ephemeral-storage': disk.limit ?? disk.request,
    },
  };
}

const withLimit = (request: Quantity, limit: Quantity | undefined) =>
  limit === undefined ? { request } : { request, limit };

const lesser = (amount: Quantity, limit: Quantity | undefined): Quantity =>
  limit !== undefined && amountOf(limit) < amountOf(amount) ? limit : amount;

const greater = (amount: Quantity | undefined, request: Quantity): Quantity | undefined =>
  amount !== undefined && amountOf(request) > amountOf(amount) ? request : amount;

/** What a service beside main gets where the file says nothing: databases and web servers of tasks are small. */
export const SERVICE_RESOURCES = {
  requests: { cpu: '100m', memory: '128Mi', 'ephemeral-storage': '256Mi' },
  limits: { 'ephemeral-storage': '8Gi' },
} as const;

/** Of a service beside main. Limits hold as the file says them; what is set aside is what it reserves, else little. */
export function serviceResources(said: ComposeResources): CompleteResources {
  const { requests, limits } = composeAmounts(said);
  const request = (name: 'cpu' | 'memory'): Quantity =>
    requests[name] ?? lesser(SERVICE_RESOURCES.requests[name], limits[name]);
  const disk = SERVICE_RESOURCES.requests['ephemeral-storage'];
  return {
    requests: { cpu: request('cpu'), memory: request('memory'), 'ephemeral-storage': disk },
    limits: { ...limits, ...SERVICE_RESOURCES.limits },
  };
}

/** Of main: what its file says, then what task.toml does, as in Harbor. */
export const mainResources = (said: ComposeResources, ofTask: Amounts = {}): Amounts => {
  const { requests, limits } = composeAmounts(said);
  const own = new Set([...Object.keys(requests), ...Object.keys(limits)]);
  const others = (amounts: Record<string, Quantity | undefined> = {}) =>
    Object.fromEntries(Object.entries(amounts).filter(([name]) => !own.has(name)));
  return {
    requests: { ...others(ofTask.requests), ...requests },
    limits: { ...others(ofTask.limits), ...limits },
  };
};

/** A reservation beyond the limit would be refused as late as in the Job. */
function composeAmounts({ limits, reservations }: ComposeResources): {
  requests: { cpu?: string; memory?: string };
  limits: { cpu?: string; memory?: string };
} {
  const within = (amount: number | undefined, limit: number | undefined): number | undefined =>
    amount === undefined ? undefined : Math.min(amount, limit ?? amount);
  const cores = (cpus: number | undefined) => (cpus === undefined ? undefined : `${Math.ceil(cpus * 1000)}m`);
  const bytes = (memory: number | undefined) => (memory === undefined ? undefined : String(memory));
  return {
    requests: present({
      cpu: cores(within(reservations.cpus, limits.cpus)),
      memory: bytes(within(reservations.memory, limits.memory)),
    }),
    limits: present({ cpu: cores(limits.cpus), memory: bytes(limits.memory) }),
  };
}
