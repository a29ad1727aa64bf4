/** What kept results from this disk or from the operator's index. The run itself does not suffer. */
import { dirname } from 'node:path';
import { CliError } from '../../failures/error.ts';
import { explain } from '../../failures/explain.ts';
import { inNamespace, namespaceToSay } from '../../session/namespace.ts';
import type { Session } from '../../session/types.ts';
import { Mismatch } from './copy.ts';
import { IndexBroken } from '../../../results/run-index.ts';

/** Something of one Trial, or of the run where `trial` is missing. */
export interface ResultsProblem {
  trial?: string;
  error: CliError;
  /** Of the disk: more of the same will follow, whatever the file. */
  ofDisk: boolean;
}

const DISK_FULL = new Set(['ENOSPC', 'EDQUOT']);
const DISK_REFUSES = new Set(['EACCES', 'EPERM', 'EROFS', 'EIO', 'ENXIO']);
const DISK = new Set([...DISK_FULL, ...DISK_REFUSES]);

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

interface Place {
  run: string;
  /** The run's folder: `<jobs dir>/<run>`, absolute. */
  folder: string;
  trial?: string;
}

/** The problem that an error is, with the command that gets the files afterwards. */
export function problemOf(error: unknown, place: Place): ResultsProblem {
  const of = place.trial === undefined ? {} : { trial: place.trial };
  return { ...of, error: errorOf(error, place), ofDisk: DISK.has(codeOf(error)) };
}

function errorOf(error: unknown, { run, folder, trial }: Place): CliError {
  const what = trial ?? `run ${run}`;
  if (error instanceof Mismatch)
    return new CliError('SB-E061', {
      what: `a file of ${what} is not what its manifest says`,
      why: error.message,
      fix: `sb run download ${run}    (what is wrong in the store itself stays wrong: run the Trial again)`,
      cause: error,
    });
  if (error instanceof IndexBroken)
    return new CliError('SB-E061', {
      what: `the index of ${what} is not what the operator writes`,
      why: error.message,
      fix: `sb run reindex ${run}    (makes it anew of the results of its Trials)`,
      cause: error,
    });
  const code = codeOf(error);
  if (!DISK.has(code) && !/^E(?:NOTDIR|ISDIR|NAMETOOLONG|EXIST|ILSEQ|INVAL)$/.test(code))
    return explain(error);
  const why = (error as Error).message;
  if (DISK_FULL.has(code))
    return new CliError('SB-E062', {
      what: `the disk has no room for the results of ${what}`,
      why: `the disk of ${folder} is full: ${why}`,
      fix: `df -h ${dirname(folder)}    (free some space; the run continues, and nothing is lost)\nsb run download ${run} --jobs-dir ${dirname(folder)}`,
      cause: error,
    });
  return new CliError('SB-E063', {
    what: `cannot write the results of ${what} to ${folder}`,
    why,
    fix: `sb run download ${run} --jobs-dir <a folder that you may write>    (the run continues; nothing is lost)`,
    cause: error,
  });
}

/** SB-E060: what is missing at the end, in one failure. */
export function incomplete(run: string, problems: readonly ResultsProblem[], session: Session): CliError {
  const [first] = problems;
  const fix = first?.error.fix ?? `sb run download ${run}`;
  const trials = new Set(problems.map(({ trial }) => trial ?? ''));
  return new CliError('SB-E060', {
    what: `not all results of run ${run} could be copied: ${problems.length} problems in ${trials.size} Trials`,
    why: first ? `${first.error.what}: ${first.error.why}` : 'unknown',
    fix: fix
      .split('\n')
      .map((line) => inNamespace(line, namespaceToSay(session)))
      .join('\n'),
    cause: first?.error,
  });
}
