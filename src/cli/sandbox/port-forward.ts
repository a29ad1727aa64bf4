/** `sb sandbox port-forward`: ports of this machine that lead into a Sandbox, until Ctrl-C. */
import { CliError } from '../../client/failures/error.ts';
import { attachSandbox, type SandboxEnvironment } from '../../client/sandbox/environment.ts';
import type { Forwarding } from '../../client/sandbox/ports/forward.ts';
import type { Session } from '../../client/session/types.ts';
import { safe } from '../../text/safe.ts';
import type { Io } from '../types.ts';

export interface PortPair {
  /** 0: any that is free. */
  local: number;
  remote: number;
}

interface PortForwardOptions {
  io: Io;
  sandbox: string;
  ports: readonly PortPair[];
  user?: string;
}

const INTERRUPTED = 130;
const PORT_MAX = 65_535;

const misused = (what: string, why: string, sandbox: string): CliError =>
  new CliError('SB-E036', {
    what,
    why,
    fix: `sb sandbox port-forward ${sandbox} :8080    (any free port here)`,
  });

/** `8080`, `18080:8080`, `:8080`. Throws SB-E036. */
export function portPair(text: string, sandbox: string): PortPair {
  const found = /^(?:(?<local>\d{0,5}):)?(?<remote>\d{1,5})$/.exec(text)?.groups;
  const remote = Number(found?.['remote'] ?? 0);
  const local = Number(found?.['local'] ?? remote);
  if (found && remote >= 1 && Math.max(remote, local) <= PORT_MAX) return { local, remote };
  throw misused(
    'cannot forward a port',
    `${text} is neither a port from 1 to ${PORT_MAX} nor two of them as local:remote`,
    sandbox,
  );
}

/** Resolves to 130 at Ctrl-C. Rejects with a SandboxError where contact is lost for good, with SB-E036 where a port of this machine is taken. */
export async function portForward(session: Session, options: PortForwardOptions): Promise<number> {
  const { io, sandbox, ports, ...as } = options;
  const say = (text: string): void => io.terminal.err(`${safe(text)}\n`);
  const interrupted = Promise.withResolvers<void>();
  const forget = io.onInterrupt(() => interrupted.resolve());
  const onProgress = ({ reason, message }: { reason: string; message: string }): void =>
    say(`${reason}: ${message}`);
  const environment = attachSandbox(session, sandbox, { signal: io.signal, onProgress });
  const open: Forwarding[] = [];
  try {
    for (const pair of ports) {
      open.push(await forwarded(environment, pair, { ...as, onError: (error) => say(lineOf(error)) }));
      io.terminal.out(`Forwarding 127.0.0.1:${open.at(-1)?.port} to port ${pair.remote} of ${sandbox}\n`);
    }
    await Promise.race([interrupted.promise, ...open.map(({ closed }) => closed)]);
    return INTERRUPTED;
  } finally {
    forget();
    await Promise.all(open.map((forwarding) => forwarding.close()));
    environment.close();
  }
}

const lineOf = (error: Error): string =>
  error instanceof CliError ? `${error.what}: ${error.why}` : error.message;

async function forwarded(
  environment: SandboxEnvironment,
  { local, remote }: PortPair,
  more: { user?: string; onError: (error: Error) => void },
): Promise<Forwarding> {
  try {
    return await environment.forward(remote, { localPort: local, ...more });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const why = code === 'EACCES' ? 'may not be taken by you' : 'is taken by another program';
    throw misused(
      `cannot forward to port ${remote}`,
      `port ${local} of this machine ${why}`,
      environment.name,
    );
  }
}
