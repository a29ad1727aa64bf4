/** `sb sandbox create`, `ls`, `suspend`, `resume`, `extend` and `rm`: what is said of the objects. */
import type { SandboxRemoved, SandboxRow } from '../../client/documents/sandbox.ts';
import { CliError } from '../../client/failures/error.ts';
import {
  extendSandbox,
  getSandbox,
  listSandboxes,
  removeSandbox,
  resumeSandbox,
  suspendSandbox,
  type Extension,
} from '../../client/sandbox/object/change.ts';
import { createSandbox } from '../../client/sandbox/environment.ts';
import { explainSandbox } from '../../client/sandbox/object/explain.ts';
import { rowOf } from '../../client/sandbox/object/row.ts';
import { waitUntilReady } from '../../client/sandbox/object/ready.ts';
import type { CreateOptions } from '../../client/sandbox/types.ts';
import { inNamespace, namespaceToSay } from '../../client/session/namespace.ts';
import type { Session } from '../../client/session/types.ts';
import { counted, duration } from '../../text/figures.ts';
import { safe } from '../../text/safe.ts';
import { printExplanation } from '../render/explanation.ts';
import { printDeed, printListing, type Column } from '../render/output.ts';
import { agreed } from '../runs/end.ts';
import type { Io, OutputFormat } from '../types.ts';

export interface Printing {
  io: Io;
  format: OutputFormat;
}

const sayTo =
  ({ terminal }: Io) =>
  (text: string): void =>
    terminal.err(`${safe(text)}\n`);

/** The name is on stdout in any case, for scripts. */
async function printOne({ io, format }: Printing, row: SandboxRow): Promise<void> {
  await printDeed(io.terminal, format === 'table' ? 'name' : format, { document: row, name: row.sandbox });
}

/** Creates one and waits until it can be used, unless nobody wants to wait. */
export async function create(
  session: Session,
  { options, wait, ...printing }: Printing & { options: CreateOptions; wait: boolean },
): Promise<void> {
  const say = sayTo(printing.io);
  const { signal } = printing.io;
  const environment = createSandbox(session, options);
  const { name } = environment;
  await environment.create();
  if (wait)
    await waitUntilReady(session, name, {
      signal,
      onProgress: ({ reason, message }) => say(`${reason}: ${message}`),
    });
  if (wait)
    say(`Sandbox ${name} is ready: ${inNamespace(`sb sandbox shell ${name}`, namespaceToSay(session))}`);
  await printOne(printing, rowOf(await getSandbox(session, name)));
}

export async function list(session: Session, { io, format }: Printing): Promise<void> {
  const rows = (await listSandboxes(session)).map(rowOf);
  const now = io.now().getTime();
  await printListing(io.terminal, format, {
    rows,
    columns: columns(now),
    name: ({ sandbox }) => sandbox,
    empty: `there is no Sandbox in namespace ${session.namespace}`,
  });
}

const since = (time: string | null, now: number): string | undefined =>
  time === null ? undefined : duration(now - Date.parse(time));

const columns = (now: number): Column<SandboxRow>[] => [
  { header: 'name', value: ({ sandbox }) => sandbox },
  { header: 'ready', value: ({ ready, pool }) => (pool ? `${pool.ready}/${pool.size}` : String(ready)) },
  { header: 'reason', value: ({ reason }) => reason },
  { header: 'image', value: ({ image }) => image ?? undefined },
  { header: 'age', value: ({ created_at: at }) => since(at, now), align: 'right' },
  {
    header: 'expires in',
    value: ({ expires_at: at }) => (at === null ? undefined : duration(Date.parse(at) - now)),
    align: 'right',
  },
  { header: 'owner', value: ({ owner }) => owner ?? undefined },
  { header: 'mode', value: ({ mode }) => mode, wide: true },
  { header: 'node', value: ({ node }) => node ?? undefined, wide: true },
  { header: 'message', value: ({ message }) => message, wide: true },
];

export async function explain(
  session: Session,
  { name, io, format }: Printing & { name: string },
): Promise<void> {
  const sandbox = await getSandbox(session, name);
  await printExplanation(io.terminal, explainSandbox(sandbox, namespaceToSay(session)), format);
}

export async function suspend(
  session: Session,
  { name, ...printing }: Printing & { name: string },
): Promise<void> {
  const row = rowOf(await suspendSandbox(session, name));
  sayTo(printing.io)(`Sandbox ${name} is being suspended; its volumes are kept`);
  await printOne(printing, row);
}

export async function resume(
  session: Session,
  { name, ...printing }: Printing & { name: string },
): Promise<void> {
  const say = sayTo(printing.io);
  const { signal } = printing.io;
  await resumeSandbox(session, name);
  const onProgress = ({ reason, message }: { reason: string; message: string }): void =>
    say(`${reason}: ${message}`);
  const ready = await waitUntilReady(session, name, { signal, onProgress });
  say(`Sandbox ${name} is ready`);
  await printOne(printing, rowOf(ready));
}

export async function extend(
  session: Session,
  { name, extensions, ...printing }: Printing & { name: string; extensions: readonly Extension[] },
): Promise<void> {
  if (extensions.length === 0)
    throw new CliError('SB-E001', {
      what: `Sandbox ${name} was not extended`,
      why: 'nothing says for how long',
      fix: `sb sandbox extend ${name} 1h`,
    });
  for (const extension of extensions) await extendSandbox(session, name, extension);
  const row = rowOf(await getSandbox(session, name));
  sayTo(printing.io)(`Sandbox ${name} lives on`);
  await printOne(printing, row);
}

/** With their volumes, whatever state they are in. */
export async function remove(
  session: Session,
  { names, yes, io, format }: Printing & { names: readonly string[]; yes: boolean },
): Promise<void> {
  const { namespace } = session;
  const again = inNamespace(`sb sandbox rm ${names.join(' ')} --yes`, namespaceToSay(session));
  const [only = ''] = names;
  const what =
    names.length === 1
      ? `Sandbox ${only} and its`
      : `${counted(names.length, 'Sandbox').replace(/xs$/, 'xes')} and their`;
  const agrees = await agreed(io, { yes, question: `delete ${what} volumes?`, again });
  const removed: SandboxRemoved[] = [];
  for (const sandbox of names) {
    const deleted = agrees && (await removeSandbox(session, sandbox));
    removed.push({ sandbox, namespace, deleted });
    if (agrees) sayTo(io)(deleted ? `Sandbox ${sandbox} is being deleted` : `there is no Sandbox ${sandbox}`);
  }
  const deleted = removed.filter((row) => row.deleted).map(({ sandbox }) => sandbox);
  if (format === 'table' || (format === 'name' && deleted.length === 0)) return;
  await printDeed(io.terminal, format, { document: removed, name: deleted.join('\n') });
}
