import type { Versions } from '../../client/documents/cluster.ts';
import { safeLine } from '../../text/safe.ts';

/** A line for each version that is known. */
export function versionLines({ client, operator, customResources, kubernetes }: Versions): string {
  const resources =
    customResources &&
    `${customResources.served.join(', ') || 'none'}${customResources.current ? '' : ' (not those of this sb)'}`;
  const lines = { sb: client, operator, 'custom resources': resources, kubernetes };
  return Object.entries(lines)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(17)} ${safeLine(value)}\n`]))
    .join('');
}
