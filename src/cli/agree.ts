import { CliError } from '../client/failures/error.ts';
import { safeLine } from '../text/safe.ts';
import type { Io } from './types.ts';

/** Whether somebody says yes, beforehand or now. Throws SB-E094 where there is nobody to ask; `again` is the command that needs no answer. */
export async function agreed(
  { terminal, confirm }: Pick<Io, 'terminal' | 'confirm'>,
  { yes, question, again }: { yes: boolean; question: string; again: string },
): Promise<boolean> {
  if (yes) return true;
  if (!terminal.input)
    throw new CliError('SB-E094', {
      what: `not done: ${question}`,
      why: 'this is asked first, and there is no terminal to ask on',
      fix: again,
    });
  if (await confirm(safeLine(question))) return true;
  terminal.err('nothing was changed\n');
  return false;
}
