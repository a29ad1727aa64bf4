/** `sb cloud researcher`: what is said of researchers and their budgets. */
import { notAgreed } from '../../client/cloud/account/failures.ts';
import {
  addResearcher,
  checkResearcher,
  findResearchers,
  groupOf,
  inDollars,
  isExceeded,
  oneOf,
  removeResearcher,
  setBudget,
  spentOf,
  type Bounds,
  type ResearcherFound,
} from '../../client/cloud/researchers/researchers.ts';
import { accessOf, type AccessFlags } from '../../client/cloud/researchers/access.ts';
import type { ResearcherRow } from '../../client/documents/researcher.ts';
import type { Session } from '../../client/session/types.ts';
import { safeLine } from '../../text/safe.ts';
import { printDeed, printListing, type Column } from '../render/output.ts';
import type { Io, OutputFormat } from '../types.ts';

interface Printing {
  io: Io;
  format: OutputFormat;
}

export interface AddFlags extends Bounds, AccessFlags {
  monthly: string;
  role?: string;
}

const found = async (session: Session): Promise<ResearcherFound[]> => {
  const { operatorNamespace } = await session.client();
  return findResearchers(session.kube, operatorNamespace, session.now());
};

const rowOf = (one: ResearcherFound): ResearcherRow => ({
  researcher: one.name,
  group: groupOf(one.name),
  role: one.role ?? null,
  monthly_budget_usd: one.budget === undefined ? null : inDollars(one.budget),
  month: one.month,
  spent_usd: inDollars(one.spent),
  exceeded: isExceeded(one),
});

async function printOne(session: Session, name: string, { io, format }: Printing): Promise<void> {
  const one = oneOf(await found(session), name);
  io.terminal.err(`${safeLine(`${name}: ${spentOf(one)} in ${one.month}`)}\n`);
  await printDeed(io.terminal, format, { document: rowOf(one), name });
}

export async function add(
  session: Session,
  name: string,
  { flags, ...printing }: Printing & { flags: AddFlags },
): Promise<void> {
  const { monthly, role, cpu, memory, gpus, storage } = flags;
  const bounds = { cpu, memory, gpus, storage };
  const researcher = { name, monthly, bounds, ...(role !== undefined && { role }) };
  checkResearcher(researcher);
  // Before anything is made: without a region nobody could be let in.
  const access = role === undefined ? undefined : await accessOf(flags, session.env);
  await addResearcher(session.kube, researcher, access);
  printing.io.terminal.err(`${safeLine(welcome(name, role))}\n`);
  await printOne(session, name, printing);
}

const welcome = (name: string, role: string | undefined): string =>
  role === undefined
    ? `namespace ${name} is there; it is for members of the group ${groupOf(name)}`
    : `namespace ${name} is there for ${role}, which logs in by: aws eks update-kubeconfig; its rights in the bucket are the policy researcher (docs/researchers.md)`;

export async function list(session: Session, { io, format }: Printing): Promise<void> {
  const rows = await found(session);
  await printListing(io.terminal, format, {
    rows,
    columns: COLUMNS,
    name: ({ name }) => name,
    document: () => rows.map(rowOf),
    items: () => rows.map(rowOf),
    empty: 'there is no researcher; sb cloud researcher add makes one',
  });
}

const COLUMNS: Column<ResearcherFound>[] = [
  { header: 'researcher', value: ({ name }) => name },
  { header: 'spent', value: spentOf },
  { header: 'month', value: ({ month }) => month },
  { header: 'state', value: (one) => (isExceeded(one) ? 'exceeded' : 'ok') },
  { header: 'role', value: ({ role }) => role },
];

export async function budget(
  session: Session,
  name: string,
  { monthly, ...printing }: Printing & { monthly: string | undefined },
): Promise<void> {
  oneOf(await found(session), name);
  if (monthly !== undefined) await setBudget(session.kube, name, monthly);
  await printOne(session, name, printing);
}

export interface RemoveFlags extends AccessFlags {
  confirm?: string;
}

export async function remove(
  session: Session,
  name: string,
  { flags, io, format }: Printing & { flags: RemoveFlags },
): Promise<void> {
  const one = oneOf(await found(session), name);
  const access = one.role === undefined ? undefined : await accessOf(flags, session.env);
  const question = `Everything in namespace ${name} goes, what runs included. Type its name to delete it:`;
  if (flags.confirm !== name && (await io.ask(safeLine(question))) !== name)
    throw notAgreed(
      `researcher ${name} is not deleted`,
      `type the name when asked; without a terminal: --confirm ${name}`,
    );
  await removeResearcher(session.kube, one, access);
  io.terminal.err(`${safeLine(`researcher ${name} is being deleted; results in the bucket stay`)}\n`);
  await printDeed(io.terminal, format, { document: { researcher: name, deleted: true }, name });
}
