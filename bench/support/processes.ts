/** What processes hold: the first ones of a Pod's containers, by the kernel's own account, and this one. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { CONTAINERS } from '../../src/wire/pod-paths.ts';
import { kubectlOk } from '../../test/support/cluster.ts';

export interface PodKey {
  namespace: string;
  pod: string;
}

/** A file of the courier's container. */
export const courierFile = ({ namespace, pod }: PodKey, file: string): Promise<string> =>
  kubectlOk([
    'exec',
    '-n',
    namespace,
    pod,
    '-c',
    CONTAINERS.courier,
    '--',
    'node',
    '-p',
    'fs.readFileSync(process.argv[1], "utf8")',
    file,
  ]);

/** Bytes of one field of `/proc/<pid>/status`; `VmHWM` is the most that was resident. */
export const bytesOf = (status: string, field: string): number =>
  Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;

/** Bytes of this process's heap, without what is garbage. */
export function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
