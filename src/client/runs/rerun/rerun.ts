/** `sb run rerun`: the same again for some Trials of a run, as a run of its own. */
import { CliError } from '../../failures/error.ts';
import type { Rerun } from '../../documents/run.ts';
import type { Session } from '../../session/types.ts';
import { resolveRun, trialsOf } from '../find/runs.ts';
import { selectionOf } from './only.ts';
import { repeat, type Manner } from './repeat.ts';

interface RerunWish {
  /** Run to repeat, as it was typed. */
  run: string;
  /** `--only`, all of them; none: every Trial. */
  only: readonly string[];
  /** Default: `<run>-r<number>`. */
  runName?: string;
  signal: AbortSignal;
}

const MANNER: Manner = { word: 'rerun', letter: 'r', specOf: (spec) => spec };

/** Creates what the rerun lacks. Throws SB-E090, SB-E091, SB-E092. */
export async function rerun(session: Session, { run: wanted, only, ...wish }: RerunWish): Promise<Rerun> {
  const selects = selectionOf(only);
  const source = await resolveRun(session, wanted);
  const selected = (await trialsOf(session, source)).filter(selects);
  if (selected.length === 0) throw nothing(source, only);
  return await repeat(session, { source, selected, manner: MANNER, ...wish });
}

const nothing = (run: string, only: readonly string[]): CliError =>
  new CliError('SB-E092', {
    what: `no Trial of run ${run} is to be run again`,
    why: `none of its Trials fits --only ${only.join(', ')}`,
    fix: `sb run show ${run}`,
  });
