/** Limits and reservations of a service; the older keys go before those under `deploy`, as in Compose. */
import { present } from '../../crds/present.ts';
import { bytesOf } from './amounts.ts';
import type { Place } from './place.ts';
import type { Service } from './schema.ts';
import type { ComposeResources } from './types.ts';

type Amount = string | number | undefined;

export function resourcesOf(service: Service, place: Place): ComposeResources {
  const { limits = {}, reservations = {} } = service.deploy?.resources ?? {};
  const deploy = place.at('deploy', 'resources');
  return {
    limits: present({
      cpus: cpusOf(service.cpus, place.at('cpus')) ?? cpusOf(limits.cpus, deploy.at('limits', 'cpus')),
      memory:
        memoryOf(service.mem_limit, place.at('mem_limit')) ??
        memoryOf(limits.memory, deploy.at('limits', 'memory')),
    }),
    reservations: present({
      cpus: cpusOf(reservations.cpus, deploy.at('reservations', 'cpus')),
      memory:
        memoryOf(service.mem_reservation, place.at('mem_reservation')) ??
        memoryOf(reservations.memory, deploy.at('reservations', 'memory')),
    }),
  };
}

const CPUS_MAX = 1024;

/** 0 is no limit, as in Docker. */
function cpusOf(amount: Amount, place: Place): number | undefined {
  if (amount === undefined || amount === '') return undefined;
  const cpus = Number(amount);
  if (!(cpus >= 0 && cpus <= CPUS_MAX)) place.invalid(`${JSON.stringify(amount)} is no number of CPUs`);
  return cpus > 0 && cpus <= CPUS_MAX ? cpus : undefined;
}

function memoryOf(amount: Amount, place: Place): number | undefined {
  if (amount === undefined || amount === '') return undefined;
  const bytes = bytesOf(amount);
  if (bytes === undefined) place.invalid(`${JSON.stringify(amount)} is no size; expected one such as 512m`);
  return bytes || undefined;
}
