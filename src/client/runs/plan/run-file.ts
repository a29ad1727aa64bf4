/** `-c`: a YAML file that holds the options of a run. */
import { readFile, realpath } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { CORE_SCHEMA, loadAll, YAMLException } from 'js-yaml';
import { CliError } from '../../failures/error.ts';
import { quoted } from '../../../text/safe.ts';
import { optionProblems, writtenOut } from './check-options.ts';
import type { AgentOption, RunOptions } from '../../documents/run-options.ts';

/**
 * Reads a run file. Its keys are the flags' names in camelCase (see options.ts); keys that are not known are refused. `tasks` and `envFile`
 * are relative to the file's folder and come back absolute. Throws CliError SB-E013 where the file cannot be read, SB-E033 for what is wrong in it.
 */
export async function readRunFile(file: string): Promise<RunOptions> {
  const options = parseRunFile(await readText(file), file);
  const absolute = (paths: string[] | undefined): string[] | undefined =>
    paths?.map((path) => resolve(dirname(file), path));
  const { tasks, envFile } = { tasks: absolute(options.tasks), envFile: absolute(options.envFile) };
  return { ...options, ...(tasks !== undefined && { tasks }), ...(envFile !== undefined && { envFile }) };
}

/**
 * Throws CliError SB-E041 for an env file that a run file names outside its own folder, be it through a link: whoever wrote the run file would
 * be handed what only its reader has. A file that is not there is told of where it is read.
 */
export async function checkEnvFiles(file: string, envFile: readonly string[] = []): Promise<void> {
  const folder = await realpath(dirname(file));
  const isOutside = async (path: string): Promise<boolean> =>
    /^\.\.(\/|$)/.test(relative(folder, await realpath(path).catch(() => folder)));
  const outside = [];
  for (const path of envFile) if (await isOutside(path)) outside.push(path);
  if (outside.length === 0) return;
  throw new CliError('SB-E041', {
    what: 'the run file names an envFile that is not allowed',
    why: `envFile names ${outside.join(', ')}, outside of the run file’s folder ${folder}`,
    fix: envFile.map((path) => `--env-file ${quoted(path)}`).join(' '),
  });
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`;
    throw new CliError('SB-E013', { what: `cannot read ${file}`, why, fix: `ls -l ${quoted(file)}`, cause });
  }
}

/** Text of a run file → options, with paths as they are written. Throws CliError SB-E033. */
export function parseRunFile(text: string, file: string): RunOptions {
  const documents = parseYaml(text, file);
  if (documents.length > 1) throw invalid(file, `it has ${documents.length} documents; expected one`);
  const options = writtenOut(documents[0] ?? {});
  const problems = optionProblems(options);
  if (problems.length > 0) throw invalid(file, problems.join('\n'));
  return options as RunOptions;
}

function parseYaml(text: string, file: string): unknown[] {
  try {
    // Without timestamps: a run may be called 2026-01-31.
    return loadAll(text, { schema: CORE_SCHEMA });
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    const { reason, mark } = cause;
    const at = mark ? `line ${mark.line + 1}, column ${mark.column + 1}: ` : '';
    throw invalid(file, `not valid YAML: ${at}${reason}`, cause);
  }
}

const invalid = (file: string, why: string, cause?: unknown): CliError =>
  new CliError('SB-E033', {
    what: `cannot use the run file ${file}`,
    why,
    fix: 'correct the file; sb cloud run --help names the options, a key is a flag’s name in camelCase',
    cause,
  });

/**
 * Flags over a run file: what a flag says replaces what the file says. An agent that a flag names is the file's where the file has it, so
 * `-a custom` chooses the file's `custom`; models of flags go before those of single agents.
 */
export function mergeOptions(flags: RunOptions, file: RunOptions): RunOptions {
  const merged: RunOptions = { ...file, ...flags };
  const inFile = new Map((file.agents ?? []).map((agent) => [agent.name, agent]));
  const agents = merged.agents?.map((agent) => ({ ...inFile.get(agent.name), ...agent }));
  if (agents === undefined) return merged;
  return { ...merged, agents: flags.models ? agents.map(withoutModels) : agents };
}

function withoutModels(agent: AgentOption): AgentOption {
  const copy = { ...agent };
  delete copy.models;
  return copy;
}
