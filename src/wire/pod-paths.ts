/** Where things lie in a Pod, and what its containers are called. */

/** Where things lie in the Pod. */
export const POD_PATHS = {
  /** Shared volume: the courier writes, the task container reads only. Holds sbd, the courier's socket, and the agent's files. */
  control: '/sb',
  /** Volume that the task container writes and the courier reads. */
  logs: '/logs',
  /** In the task container; volumes only where it does not run as root. */
  tests: '/tests',
  solution: '/solution',
  /** The task's ConfigMap, mounted into the courier alone. */
  task: '/sb-task',
  /** The projected token, mounted into the courier alone. */
  token: '/var/run/secrets/sb-broker/token',
} as const;

/** The first process of the task container, as it is called there. */
export const SBD = `${POD_PATHS.control}/sbd`;

/** The courier's socket in the control volume, which sbd connects to. */
export const HAND_SOCKET = 'hand.sock';

/** Names of the Pod's containers. `task`: the agent's, with a shared verifier in it. Separate verifiers of several steps: see `verifierRole`; services are called as their `serviceRole`. */
export const CONTAINERS = {
  courier: 'courier',
  task: 'task',
  verifier: 'verifier',
  service: 'service',
  fill: 'fill',
  context: 'context',
  build: 'build',
} as const;

/** Where a container that fills volumes has them, each under its own name. */
export const VOLUMES = '/sb-volumes';

/** The container that puts what the image of a service has into its volumes, before anything else begins. */
export const fillName = (service: string): string => `${CONTAINERS.fill}-${service}`;
/** The volume with the files of the agent's program, and the container that puts them there. */
export const PROGRAM = 'program';
export const isFilling = (container: string): boolean =>
  container === PROGRAM || container.startsWith(`${CONTAINERS.fill}-`);

/** Folder of the courier's with one for each container beside the agent's: of separate verifiers and of services. */
export const BESIDE = '/sb-beside';

/** Where the courier has the volumes of such a container, by its name; in there they are `POD_PATHS.control` and `logs`. */
export const pathsBeside = (container: string): Record<'control' | 'logs', string> => ({
  control: `${BESIDE}/${container}/control`,
  logs: `${BESIDE}/${container}/logs`,
});

/** Whether a path is a folder's, or the folder itself; both as they come from `posix.normalize`. */
export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder}/`);
