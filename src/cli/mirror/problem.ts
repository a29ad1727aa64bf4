/** What kept results from this disk or from the store's indexes. The run itself does not suffer. */
import { CliError } from '../failure/error.ts';
import { explain } from '../failure/explain.ts';
import { Mismatch } from './files/mismatch.ts';

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

/** The problem that an error is, with the command that gets the files afterwards. */
export function problemOf(error: unknown, { run, trial }: { run: string; trial?: string }): ResultsProblem {
  const of = trial === undefined ? {} : { trial };
  return {
    ...of,
    error: errorOf(error, { run, what: trial ?? `run ${run}` }),
    ofDisk: DISK.has(codeOf(error)),
  };
}

function errorOf(error: unknown, { run, what }: { run: string; what: string }): CliError {
  if (error instanceof Mismatch)
    return new CliError('SB-E061', {
      what: `a file of ${what} is not what its manifest says`,
      why: error.message,
      fix: `sb run download ${run}    (what is wrong in the store itself stays wrong: run the Trial again)`,
      cause: error,
    });
  const code = codeOf(error);
  if (!DISK.has(code) && !/^E(?:NOTDIR|ISDIR|NAMETOOLONG|EXIST|ILSEQ|INVAL)$/.test(code))
    return explain(error);
  const full = DISK_FULL.has(code);
  return new CliError(full ? 'SB-E062' : 'SB-E063', {
    what: `cannot write the results of ${what} to this disk`,
    why: (error as Error).message,
    fix: full
      ? `make room (df -h), then: sb run download ${run}    (the run goes on; nothing is lost)`
      : `sb run download ${run} --jobs-dir <a folder that you may write>    (the run goes on; nothing is lost)`,
    cause: error,
  });
}

/** SB-E060: what is missing at the end, in one failure. */
export function incomplete(run: string, problems: readonly ResultsProblem[]): CliError {
  const [first] = problems;
  const trials = new Set(problems.map(({ trial }) => trial ?? ''));
  return new CliError('SB-E060', {
    what: `not all results of run ${run} could be copied: ${problems.length} problems in ${trials.size} Trials`,
    why: first ? `${first.error.what}: ${first.error.why}` : 'unknown',
    fix: first?.error.fix ?? `sb run download ${run}`,
    cause: first?.error,
  });
}
