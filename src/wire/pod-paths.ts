/** Where things lie in a Pod, and what its containers are called. */

/** Where things lie in the Pod. */
export const POD_PATHS = {
  /** Shared volume: the courier writes, the task container reads only. Holds busybox, run.sh, the FIFOs and staged inputs. */
  control: '/sb',
  /** Volume that the task container writes and the courier reads. */
  logs: '/logs',
  /** The task's ConfigMap, mounted into the courier alone. */
  task: '/sb-task',
  /** The projected token, mounted into the courier alone. */
  token: '/var/run/secrets/sb-broker/token',
} as const;

/** Names of the Pod's containers. */
export const CONTAINERS = { courier: 'courier', task: 'task', context: 'context', build: 'build' } as const;
