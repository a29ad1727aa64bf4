/** Commands in containers, through the API server. */
import { Exec, type V1Status } from '@kubernetes/client-node';
import { ApiError } from '../../kube/errors.ts';
import type { Session } from '../../client/session/types.ts';
import type { Streams } from '../types.ts';

interface ShellRequest {
  pod: string;
  container: string;
  command: string[];
  /** A terminal in the container: keys go there one by one, Ctrl-C too. */
  tty: boolean;
  streams: Streams;
}

/** Runs a command in a container, connected to the streams; resolves to its exit code. Rejects with ApiError where it cannot be run. */
export type Shell = (request: ShellRequest) => Promise<number>;

export const shellIn =
  ({ kubeParts, namespace }: Pick<Session, 'kubeParts' | 'namespace'>): Shell =>
  async ({ pod, container, command, tty, streams }) => {
    const exec = new Exec(kubeParts.kubeConfig);
    const { stdin, stdout, stderr } = streams;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const raw = tty && stdin.isTTY === true;
    if (raw) stdin.setRawMode?.(true);
    try {
      const socket = await exec
        .exec(namespace, pod, container, command, stdout, tty ? null : stderr, stdin, tty, (status) =>
          resolve(exitCodeOf(status)),
        )
        .catch((error: unknown) => {
          throw refused(`exec in ${pod}/${container}`, error);
        });
      socket.addEventListener('error', (event) =>
        reject(refused(`exec in ${pod}/${container}`, event.error)),
      );
      // The container's status comes before the end, unless the container itself ended.
      socket.addEventListener('close', () =>
        reject(refused(`exec in ${pod}/${container}`, 'the connection ended')),
      );
      return await promise;
    } finally {
      if (raw) stdin.setRawMode?.(false);
      stdin.pause();
    }
  };

/** `details.causes` has the code of a command that failed. */
function exitCodeOf({ status, details }: V1Status): number {
  if (status === 'Success') return 0;
  const code = details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  return Number(code ?? 1);
}

const refused = (what: string, error: unknown): ApiError =>
  new ApiError({
    status: 0,
    reason: 'Unreachable',
    message: `${what}: ${error instanceof Error ? error.message : String(error)}`,
    cause: error,
  });
