/** What goes wrong with a Sandbox: one family. Each says what was not done, why, and what to do, and has a code with a page. */
import { EDIT_ROLE } from '../../installation/names.ts';
import { CliError, type Code, type FailureText } from '../failures/error.ts';
import type { Reason } from '../../wire/hand/protocol.ts';

/** Any of them: `instanceof SandboxError`. */
export class SandboxError extends CliError {
  /** The Sandbox that it is about. */
  readonly sandbox: string;

  constructor(code: Code, sandbox: string, text: FailureText) {
    super(code, text);
    this.name = new.target.name;
    this.sandbox = sandbox;
  }
}

/** There is no Sandbox of that name. */
export class SandboxNotFound extends SandboxError {
  constructor(sandbox: string) {
    super('SB-E100', sandbox, {
      what: `cannot use Sandbox ${sandbox}`,
      why: 'there is no such Sandbox in the namespace; it may have expired',
      fix: 'sb sandbox ls    (or create it: sb sandbox create)',
    });
  }
}

/** Another Sandbox has the name; nothing was done to it. */
export class SandboxExists extends SandboxError {
  constructor(sandbox: string) {
    super('SB-E109', sandbox, {
      what: `cannot create Sandbox ${sandbox}`,
      why: 'there is one of that name already, which this program has not created',
      fix: `sb sandbox rm ${sandbox}    (or choose another name, or use that one: attachSandbox, sb sandbox exec)`,
    });
  }
}

/** It does not run, or not yet. `reason` is that of its condition Ready. */
export class SandboxNotReady extends SandboxError {
  readonly reason: string;

  constructor(sandbox: string, ready: { reason: string; message: string }, fix: string) {
    super('SB-E101', sandbox, {
      what: `Sandbox ${sandbox} is not ready`,
      why: `${ready.reason}: ${ready.message}`,
      fix,
    });
    this.reason = ready.reason;
  }
}

/** It is over: deleted, expired, or its Pod has ended for good. */
export class SandboxEnded extends SandboxError {
  readonly reason: string;

  constructor(sandbox: string, ended: { reason: string; message: string }) {
    super('SB-E102', sandbox, {
      what: `Sandbox ${sandbox} has ended`,
      why: `${ended.reason}: ${ended.message}`,
      fix: 'create another: sb sandbox create    (to live longer: --ttl and --idle-timeout)',
    });
    this.reason = ended.reason;
  }
}

/** Contact was lost, and what became of a command or file is not known. It is never an exit code. */
export class SandboxLost extends SandboxError {
  constructor(sandbox: string, why: string, cause?: unknown) {
    super('SB-E103', sandbox, {
      what: `lost contact with Sandbox ${sandbox}`,
      why,
      fix: `sb sandbox ls    (is it still Ready? Then connect again; a command that was started may still run)`,
      cause,
    });
  }
}

/** How somebody gets the right to enter what is in a namespace. */
export const letIn = (namespace: string): string =>
  'an administrator runs, with your name as printed by kubectl auth whoami:\n' +
  `kubectl create rolebinding sb-edit-<you> -n ${namespace} --clusterrole=${EDIT_ROLE} --user=<you>`;

/** The caller may not use it. */
export class NotAllowed extends SandboxError {
  constructor(sandbox: string, { namespace, why }: { namespace: string; why: string }) {
    super('SB-E104', sandbox, {
      what: `you may not use Sandbox ${sandbox}`,
      why,
      fix: letIn(namespace),
    });
  }
}

/** No way leads to the broker. */
export class BrokerUnreachable extends SandboxError {
  constructor(sandbox: string, tried: readonly { way: string; why: string }[]) {
    super('SB-E105', sandbox, {
      what: `cannot reach the broker for Sandbox ${sandbox}`,
      why: tried.map(({ way, why }) => `${way}: ${why}`).join('\n'),
      fix: 'sb doctor    (or set SB_BROKER_URL to an address of the broker that this machine can reach)',
    });
  }
}

/** A command took longer than its `timeoutMs`; thrown only where that was asked for. */
export class CommandTimedOut extends SandboxError {
  /** What it wrote until then, as in a result. */
  readonly stdout: string;
  readonly stderr: string;

  constructor(
    sandbox: string,
    { timeoutMs, stdout, stderr }: { timeoutMs: number; stdout: string; stderr: string },
  ) {
    super('SB-E106', sandbox, {
      what: `a command in Sandbox ${sandbox} was ended`,
      why: `it took longer than ${timeoutMs} ms`,
      fix: 'allow more time with timeoutMs or --timeout, or start it in the background with startCommand',
    });
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

const FIXES: Partial<Record<Reason, string>> = {
  ProgramMissing:
    'name a program that the image has; a text is run by its bash or sh, a list without a shell',
  UserMissing: 'name a user that the image has, or a number',
  WorkdirMissing: 'create the folder first, or give another cwd',
  NotPermitted: 'do it as another user, for example user: 0',
  NotFound: 'list the folder above it to see what is there',
  NoSpace: 'remove files, or create the Sandbox with a larger limit for ephemeral-storage',
  TooManyCommands: 'end commands that still run, or wait until they end',
  ConnectionRefused:
    'start what is to listen there, on 127.0.0.1, ::1 or all addresses: sb sandbox exec <sandbox> -- …',
  ConnectionReset: 'look why the program that listens there has ended the connection',
  TooManyStreams: 'do fewer things at the same time',
};

/** It was reached, and says no: to a program that is not there, a file that may not be written, … */
export class SandboxRefused extends SandboxError {
  readonly reason: Reason;

  constructor(sandbox: string, { reason, message, what }: { reason: Reason; message: string; what: string }) {
    super('SB-E107', sandbox, {
      what: `Sandbox ${sandbox} did not ${what}`,
      why: `${reason}: ${message}`,
      fix: FIXES[reason] ?? 'change what the cause names',
    });
    this.reason = reason;
  }
}

/** What came from the Sandbox would do harm on this machine, or is too much. */
export class UnsafeDownload extends SandboxError {
  constructor(sandbox: string, why: string) {
    super('SB-E108', sandbox, {
      what: `stopped a download from Sandbox ${sandbox}`,
      why,
      fix: 'download less, or raise maxBytes or maxEntries; if names are odd, do not trust what runs in there',
    });
  }
}
