import { printDocument } from '../../render/output.ts';
import { safe } from '../../../text/safe.ts';
import type { Downloaded, Reindexed, Rerun } from '../../../client/documents/run.ts';
import type { OutputFormat, Terminal } from '../../types.ts';
import { inNamespace } from '../../../client/session/namespace.ts';
import { counted } from '../../../text/figures.ts';

/** What `sb run download` did: for people on stderr, with the folder on stdout. */
export async function printDownloaded(
  terminal: Terminal,
  format: OutputFormat,
  done: Downloaded,
): Promise<void> {
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, done);
  const { run, trials, files, kept, bytes, folder } = done;
  terminal.err(
    safe(
      `run ${run}: ${counted(trials, 'Trial')}, ${counted(files, 'file')} (${bytes} bytes) copied, ${kept} were there\n`,
    ),
  );
  terminal.out(`${safe(folder)}\n`);
}

/** Folders that are named; all are in the document. */
const UNREADABLE_SHOWN = 5;

/** What `sb run reindex` did: for people on stderr, with the aggregate's place on stdout. */
export async function printReindexed(
  terminal: Terminal,
  format: OutputFormat,
  done: Reindexed,
): Promise<void> {
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, done);
  const { run, trials, added, shards, unreadable, result } = done;
  const what = `${counted(trials, 'Trial')} in ${counted(shards, 'object')}, ${added} of them were missing`;
  const without = unreadable.slice(0, UNREADABLE_SHOWN).join(', ');
  const more = unreadable.length > UNREADABLE_SHOWN ? ', …' : '';
  const note = unreadable.length > 0 ? `; ${unreadable.length} without a result: ${without}${more}` : '';
  terminal.err(safe(`run ${run}: ${what}${note}\n`));
  terminal.out(`${safe(result)}\n`);
}

/** What `sb run rerun` did: for people on stderr, with the run's name on stdout. `namespace`: see `namespaceToSay`. */
export async function printRerun(
  terminal: Terminal,
  format: OutputFormat,
  { done, namespace }: { done: Rerun; namespace: string | undefined },
): Promise<void> {
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, done);
  const { run, of, created, unchanged } = done;
  const there = unchanged > 0 ? `, ${unchanged} were there` : '';
  const watch = inNamespace(`sb run attach ${run}`, namespace);
  terminal.err(
    safe(`run ${run} repeats ${of}: ${counted(created, 'Trial')} created${there}\nto watch it: ${watch}\n`),
  );
  terminal.out(`${safe(run)}\n`);
}
