/** What a run says about the resources of its tasks, by amounts and by Harbor's policies. */
import { join } from 'node:path';
import type { Environment } from '../../../crds/environment.ts';
import { present } from '../../../crds/present.ts';
import { amountOf } from '../../../crds/refusals.ts';
import type { Quantity } from '../../../crds/schema.ts';
import { TaskFormatError, type Task } from '../../../tasks/index.ts';
import { DEFAULT_RESOURCES, resourcesOf } from '../../../tasks/compile/resources.ts';
import type { ResourcePolicy, RunOptions } from '../../documents/run-options.ts';

type Resources = NonNullable<Environment['resources']>;
type Named = Parameters<typeof resourcesOf>[0];
type OfTask = Pick<Task, 'dir' | 'config'>;

/**
 * The run's resources for a task; undefined where it says nothing. Throws TaskFormatError for a policy about an amount that neither run nor task
 * name, as Harbor does.
 */
export function resourcesOfRun(options: RunOptions, { dir, config }: OfTask): Resources | undefined {
  const own = amountsOfRun(options);
  const named = { dir, amounts: { ...config.environment, ...own } };
  const { requests, limits } = resourcesOf(own) ?? {};
  const cpu = underPolicy(options.cpuEnforcementPolicy, 'cpu', named);
  const memory = underPolicy(options.memoryEnforcementPolicy, 'memory', named);
  return withoutEmpty({
    requests: { ...requests, ...cpu?.requests, ...memory?.requests },
    limits: { ...limits, ...cpu?.limits, ...memory?.limits },
  });
}

const amountsOfRun = ({ cpus, memory, storage }: RunOptions): Named =>
  present({
    cpus: cpus === undefined ? undefined : amountOf(cpus),
    memory_mb: memory === undefined ? undefined : mebibytesOf(memory),
    storage_mb: storage === undefined ? undefined : mebibytesOf(storage),
  });

const mebibytesOf = (size: string): number => Math.max(1, Math.ceil(amountOf(size) / 2 ** 20));

const FIELDS = { cpu: 'cpus', memory: 'memory_mb' } as const;

/** Request and limit of one resource; undefined takes one away. Where nothing is requested, the default is, within the limit. */
type Pair = Record<'requests' | 'limits', Record<string, Quantity | undefined>>;

function underPolicy(
  policy: ResourcePolicy = 'auto',
  name: 'cpu' | 'memory',
  { dir, amounts }: { dir: string; amounts: Named },
): Pair | undefined {
  if (policy === 'auto') return undefined;
  if (policy === 'ignore')
    return { requests: { [name]: DEFAULT_RESOURCES.requests[name] }, limits: { [name]: undefined } };
  const quantity = resourcesOf(present({ [FIELDS[name]]: amounts[FIELDS[name]] }))?.requests?.[name];
  if (quantity === undefined) {
    const field = `environment.${FIELDS[name]}`;
    const message = `${field} is missing; the policy ${policy} needs it`;
    throw new TaskFormatError(join(dir, 'task.toml'), [{ field, message }]);
  }
  return {
    requests: { [name]: policy === 'limit' ? undefined : quantity },
    limits: { [name]: policy === 'request' ? undefined : quantity },
  };
}

function withoutEmpty(amounts: Pair): Resources | undefined {
  const filled = Object.entries(amounts).flatMap(([name, part]) => {
    const said = present(part);
    return Object.keys(said).length > 0 ? [[name, said]] : [];
  });
  return filled.length > 0 ? (Object.fromEntries(filled) as Resources) : undefined;
}
