/** The task container of a Trial, which is entered as a Sandbox is. */
import { CliError } from '../failures/error.ts';
import { missingOf } from '../session/preflight.ts';
import type { Session } from '../session/types.ts';
import { GROUP } from '../../crds/names.ts';
import { SandboxCommand } from './commands/command.ts';
import { startRequest } from './commands/run.ts';
import { connectionTo } from './connection/open.ts';
import type { Connection } from './connection/connection.ts';
import { BrokerUnreachable, letIn, NotAllowed, SandboxEnded, SandboxError, SandboxLost } from './errors.ts';
import type { StartOptions } from './types.ts';

/** Where commands are started until it is closed. */
export interface Entered {
  startCommand(command: string | readonly string[], options?: StartOptions): Promise<SandboxCommand>;
  close(): void;
}

/** Nothing is sent before the first command. What it rejects with, `aboutTrial` tells of the Trial. */
export function enterTrial(session: Session, name: string, signal: AbortSignal): Entered {
  let connection: Connection | undefined;
  return {
    async startCommand(command, options = {}) {
      signal.throwIfAborted();
      connection ??= connectionTo(
        session,
        { resource: 'trials', namespace: session.namespace, name },
        { signal },
      );
      await connection.opened;
      const started = new SandboxCommand({ sandbox: name, connection }, startRequest(command, options));
      await started.started;
      return started;
    },
    close: () => connection?.close(),
  };
}

const mayNotEnter = (name: string, { namespace, why }: { namespace: string; why: string }): CliError =>
  new CliError('SB-E104', {
    what: `you may not enter the Trial ${name}`,
    why,
    fix: letIn(namespace),
  });

/** Throws SB-E104 for whoever the broker would not let in. */
export async function demandEntry(session: Session, name: string): Promise<void> {
  const need = { verb: 'create', group: GROUP, resource: 'trials', subresource: 'exec', name };
  if ((await missingOf(session, [need])).length === 0) return;
  const { namespace } = session;
  throw mayNotEnter(name, { namespace, why: `you lack create on trials/exec (${GROUP}) in ${namespace}` });
}

/** What went wrong on the way into a Trial, told of the Trial. Whatever is none of that stays what it is. */
export function aboutTrial(
  error: unknown,
  { name, namespace }: { name: string; namespace: string },
): unknown {
  if (!(error instanceof SandboxError) || error instanceof BrokerUnreachable) return error;
  const { why, code } = error;
  if (error instanceof NotAllowed) return mayNotEnter(name, { namespace, why });
  const hasEnded = error instanceof SandboxEnded;
  const explain = `sb trial explain ${name}`;
  const older = `a Trial that began before an upgrade of the operator may have no way in: sb trial debug ${name} --copy`;
  const isLost = error instanceof SandboxLost;
  const fix = hasEnded ? explain : isLost ? `${explain}    (${older})` : error.fix;
  return new CliError(hasEnded ? 'SB-E095' : code, {
    what: `no shell or command in the Trial ${name}, or no more`,
    why,
    fix,
    cause: error,
  });
}
