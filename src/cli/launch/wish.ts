/** Flags and run file → what is wanted. */
import { resolve } from 'node:path';
import { CliError } from '../../client/failures/error.ts';
import { contenders } from '../../client/runs/plan/agents.ts';
import { optionProblems, writtenOut } from '../../client/runs/plan/check-options.ts';
import { variablesIn } from '../../client/runs/plan/host-variables.ts';
import { checkRunName, defaultRunName } from '../../client/runs/plan/names.ts';
import type { AgentOption, RunOptions } from '../../client/documents/run-options.ts';
import {
  checkEnvFiles,
  isAgentFile,
  mergeOptions,
  readAgentFile,
  readRunFile,
} from '../../client/runs/plan/run-file.ts';
import { parseAssignments, readEnvFiles, type Variables } from '../../client/runs/plan/variables.ts';
import { checkNamespaceName } from '../../client/session/namespace.ts';
import type { Io, OutputFormat } from '../types.ts';
import type { SessionOptions } from '../../client/session/types.ts';

/** As commander hands the options of `sb cloud run` over. */
export interface RunFlags
  extends SessionOptions, Omit<RunOptions, 'agents' | 'models' | 'agentEnv' | 'verifierEnv'> {
  agent?: string[];
  model?: string[];
  ae?: string[];
  ve?: string[];
  config?: string;
  output: OutputFormat;
  dryRun?: 'client' | 'server';
}

export interface Wish extends Settings {
  /** Absolute paths of the tasks. */
  paths: string[];
  run: string;
  session: SessionOptions;
  output: OutputFormat;
  quiet: boolean;
  dryRun?: 'client' | 'server';
}

/** Throws CliError SB-E001, E009, E013, E033 to E037, E041. */
export async function wishOf(flags: RunFlags, { cwd, now }: Pick<Io, 'cwd' | 'now'>): Promise<Wish> {
  checkDetached(flags);
  const settings = await settingsOf(flags, cwd);
  const { tasks, context, namespace, runName, quiet = false } = settings.options;
  if (tasks?.[0] === undefined) throw withoutTasks();
  const { kubeconfig, output, dryRun } = flags;
  return {
    ...settings,
    paths: tasks,
    run: checkRunName(runName ?? defaultRunName(tasks[0], now())),
    session: {
      ...(context !== undefined && { context }),
      ...(kubeconfig !== undefined && { kubeconfig }),
      ...(namespace !== undefined && { namespace: checkNamespaceName(namespace) }),
    },
    output,
    quiet,
    ...(dryRun && { dryRun }),
  };
}

/** Of a run, and of a check whether its agents could run. */
export interface Settings {
  /** Flags and file together, checked. */
  options: RunOptions;
  /** Out of --env-file. */
  envFile: Variables;
  /** Names of the caller's variables that may be read: of --allow-env, and those that --ae and --ve name. */
  allowed: string[];
}

/** Throws CliError SB-E013, E033, E035 to E037, E041. */
export async function settingsOf(flags: RunFlags, cwd: string): Promise<Settings> {
  const file = await filed(flags, cwd);
  const typed = await optionsOf(flags, cwd);
  const options = mergeOptions(typed, file);
  // As early as the other options, for reading the tasks takes a while.
  contenders(options);
  return { options, envFile: await readEnvFiles(options.envFile), allowed: allowedBy(options, typed) };
}

/** Options of the run file; what its env files may be is asked where no flag names others. */
async function filed({ config, envFile }: RunFlags, cwd: string): Promise<RunOptions> {
  if (config === undefined) return {};
  const file = resolve(cwd, config);
  const options = await readRunFile(file);
  if (!envFile) await checkEnvFiles(file, options.envFile);
  return options;
}

const allowedBy = ({ allowEnv = [] }: RunOptions, { agentEnv, verifierEnv }: RunOptions): string[] => [
  ...allowEnv,
  ...variablesIn(agentEnv),
  ...variablesIn(verifierEnv),
];

async function optionsOf(flags: RunFlags, cwd: string): Promise<RunOptions> {
  const { agent, model, ae, ve, tasks, envFile, provision, newNodes } = flags;
  const { kubeconfig: _k, output: _o, dryRun: _d, config: _f, ...kept } = flags;
  // An empty path is none, and not the current folder.
  const absolute = (paths: string[] | undefined): string[] | undefined =>
    paths?.map((path) => path && resolve(cwd, path));
  const options = writtenOut({
    ...withoutFlags(kept),
    agents: agent && (await Promise.all(agent.map((one) => agentOf(one, cwd)))),
    models: model,
    agentEnv: ae && parseAssignments(ae, '--ae'),
    verifierEnv: ve && parseAssignments(ve, '--ve'),
    tasks: absolute(tasks),
    envFile: absolute(envFile),
    provision: provision === false ? false : undefined,
    newNodes: newNodes === false ? false : undefined,
  });
  const problems = optionProblems(options);
  if (problems.length === 0) return options as RunOptions;
  throw new CliError('SB-E036', {
    what: 'cannot plan the run',
    why: problems.join('\n'),
    fix: 'sb cloud run --help',
  });
}

const agentOf = async (agent: string, cwd: string): Promise<string | AgentOption> =>
  isAgentFile(agent) ? readAgentFile(resolve(cwd, agent)) : agent;

/** Without the flags that have another name as an option. */
function withoutFlags({ agent: _a, model: _m, ae: _e, ve: _v, ...options }: Partial<RunFlags>): RunOptions {
  return options;
}

/** What is for those who wait, with how they do it later. */
const WAITING = {
  follow: '--follow',
  failUnder: '--fail-under <reward>',
  waitTimeout: '--wait-timeout <duration>',
} as const;

/** A file may have them: whoever detaches takes it as it is. */
function checkDetached(flags: RunFlags): void {
  const idle = Object.entries(WAITING).find(([name]) => flags[name as keyof typeof WAITING] !== undefined);
  if (flags.detach !== true || !idle) return;
  throw new CliError('SB-E036', {
    what: `cannot heed ${idle[1].split(' ', 1)[0]}`,
    why: 'with --detach, sb does not wait for the run',
    fix: `leave out --detach, or wait for it later: sb run attach ${idle[1]}`,
  });
}

const withoutTasks = (): CliError =>
  new CliError('SB-E001', {
    what: 'sb cloud run was not understood',
    why: 'it is not said which tasks to run',
    fix: 'sb cloud run -t <task folder, or folder of tasks>',
  });

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `30m`, `2h`, `1.5d` → milliseconds. */
export const durationMs = (text: string): number =>
  Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? NaN);
