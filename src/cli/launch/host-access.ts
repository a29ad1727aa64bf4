/** Whether tasks may have variables of the caller's environment: allowed by flags, or by an answer that holds for this run. */
import { CliError } from '../../client/failures/error.ts';
import { contenders } from '../../client/runs/plan/agents.ts';
import { hostVariables, readable, type HostVariable } from '../../client/runs/plan/host-variables.ts';
import { quoted, safe, safeLine } from '../../text/safe.ts';
import { unsupported } from '../../tasks/folder/problems.ts';
import type { Selection } from '../../client/runs/select/select.ts';
import type { Io } from '../types.ts';
import type { Wish } from './wish.ts';

type Environment = Io['env'];

/** Tasks that are named of those that ask for a variable. */
const NAMED = 3;

/**
 * What a run may read of the caller's environment. A dry run asks nobody: it says what would be asked, and has empty values for it. Throws
 * CliError SB-E041 where there is nobody to ask, or the answer is no.
 */
export async function hostAccess(wish: Wish, selection: Selection, io: Io): Promise<Environment> {
  const { options, envFile, allowed, dryRun } = wish;
  const { env: environment, terminal } = io;
  const own = readable(environment, allowed);
  const unset = (options.allowEnv ?? []).filter((name) => own[name] === undefined);
  if (unset.length > 0) terminal.err(safe(`allowed, and not set in this shell: ${unset.join(', ')}\n`));
  const tasks = selection.tasks.filter((one) => unsupported(one).length === 0);
  const who = contenders(options);
  const wanted = hostVariables({ tasks, contenders: who, options, envFile, environment, allowed });
  if (wanted.length === 0) return own;
  const names = wanted.map(({ name }) => name);
  if (dryRun) {
    terminal.err(
      safe(`the run would use variables of this shell:\n${list(wanted)}\nallow them: ${flags(names)}\n`),
    );
    return { ...own, ...Object.fromEntries(names.map((name) => [name, ''])) };
  }
  if (!terminal.input) throw refused(wanted, 'there is no terminal to ask on');
  terminal.err(safe(`this run wants to use variables of this shell:\n${list(wanted)}\n`));
  if (!(await io.confirm('allow them for this run?'))) throw refused(wanted, 'the answer was no');
  return { ...own, ...readable(environment, names) };
}

const list = (wanted: readonly HostVariable[]): string =>
  wanted.map(({ name, by }) => `  ${safeLine(name)}: ${safeLine(namesOf(by))}`).join('\n');

const namesOf = (by: readonly string[]): string =>
  `${by.slice(0, NAMED).join(', ')}${by.length > NAMED ? ` and ${by.length - NAMED} more` : ''}`;

const flags = (names: readonly string[]): string =>
  names.map((name) => `--allow-env ${quoted(name)}`).join(' ');

const refused = (wanted: readonly HostVariable[], why: string): CliError =>
  new CliError('SB-E041', {
    what: 'the run asks for variables of this shell that are not allowed',
    why: `${why}:\n${list(wanted)}`,
    fix: `${flags(wanted.map(({ name }) => name))}\nor set their values with --env-file, --ae and --ve`,
  });
