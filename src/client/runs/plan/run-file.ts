/** `-c`: a YAML file that holds the options of a run. */
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import { CORE_SCHEMA, loadAll, YAMLException } from 'js-yaml';
import { CliError } from '../../failures/error.ts';
import { shownName } from '../../../crds/agents.ts';
import { isRecord } from '../../../text/json.ts';
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
  const refuse = refusal(`the run file ${file}`, RUN_FILE_FIX);
  const options = writtenOut(oneDocument(text, refuse));
  const problems = optionProblems(options);
  if (problems.length > 0) throw refuse(problems.join('\n'));
  return options as RunOptions;
}

const RUN_FILE_FIX =
  'correct the file; sb cloud run --help names the options, a key is a flag’s name in camelCase';

type Refuse = (why: string, cause?: unknown) => CliError;

function oneDocument(text: string, refuse: Refuse): unknown {
  const documents = parseYaml(text, refuse);
  if (documents.length > 1) throw refuse(`it has ${documents.length} documents; expected one`);
  return documents[0] ?? {};
}

function parseYaml(text: string, refuse: Refuse): unknown[] {
  try {
    // Without timestamps: a run may be called 2026-01-31.
    return loadAll(text, { schema: CORE_SCHEMA });
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    const { reason, mark } = cause;
    const at = mark ? `line ${mark.line + 1}, column ${mark.column + 1}: ` : '';
    throw refuse(`not valid YAML: ${at}${reason}`, cause);
  }
}

const refusal =
  (what: string, fix: string): Refuse =>
  (why, cause) =>
    new CliError('SB-E033', { what: `cannot use ${what}`, why, fix, cause });

/** Whether the value of `-a` is a file, and no name. */
export const isAgentFile = (agent: string): boolean => /[/\\]|\.ya?ml$/.test(agent);

/**
 * Reads an agent of the user's: what an entry of `agents` in a run file has. `name` is custom where it says nothing, `title` the file's own
 * name. Throws CliError SB-E013 where the file cannot be read, SB-E033 for what is wrong in it.
 */
export async function readAgentFile(file: string): Promise<AgentOption> {
  const refuse = refusal(`the agent file ${file}`, 'correct the file; docs/agents.md shows one');
  const given = oneDocument(await readText(file), refuse);
  if (!isRecord(given)) throw refuse('expected a table, such as run: my-agent "$SB_INSTRUCTION"');
  const options = writtenOut({ agents: [{ name: OWN, ...given }] });
  const problems = optionProblems(options).map((problem) => problem.replaceAll('agents[0].', ''));
  if (problems.length > 0) throw refuse(problems.join('\n'));
  const [agent] = (options as { agents: [AgentOption] }).agents;
  return agent.name === OWN ? { title: titleOf(file), ...agent } : agent;
}

/** The agent whose scripts are the user's. */
const OWN = 'custom';

/** As the API takes it. */
const titleOf = (file: string): string =>
  basename(file)
    .replace(/\.ya?ml$/, '')
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64) || OWN_TITLE;
const OWN_TITLE = 'my-agent';

/**
 * Flags over a run file: what a flag says replaces what the file says. An agent that a flag names is the file's where the file has it, so
 * `-a custom` chooses the file's `custom`; what flags say of models goes before what single agents say.
 */
export function mergeOptions(flags: RunOptions, file: RunOptions): RunOptions {
  const merged: RunOptions = { ...file, ...flags };
  const inFile = new Map((file.agents ?? []).map((agent) => [shownName(agent), agent]));
  const agents = merged.agents?.map((agent) => ({ ...inFile.get(shownName(agent)), ...agent }));
  return agents === undefined
    ? merged
    : { ...merged, agents: agents.map((agent) => overruled(agent, flags)) };
}

/** Options of the run that single agents may have, too: what a flag says holds for all. */
const OF_AGENTS = {
  models: 'models',
  agentVersion: 'version',
  baseUrl: 'baseUrl',
  modelAccess: 'modelAccess',
  maxTokens: 'maxTokens',
  maxCost: 'maxCost',
} as const satisfies Partial<Record<keyof RunOptions, keyof AgentOption>>;

function overruled(agent: AgentOption, flags: RunOptions): AgentOption {
  const copy = { ...agent };
  for (const [option, own] of Object.entries(OF_AGENTS))
    if (flags[option as keyof typeof OF_AGENTS] !== undefined) delete copy[own];
  return copy;
}
