/** The log of the build of a Trial's image: of its Job while that is there, else what the TaskBuild kept of it. */
import { CONTAINERS } from '../../wire/pod-paths.ts';
import { conditionOf } from '../../crds/conditions.ts';
import type { BuildAttempt, TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import { CliError } from '../failures/error.ts';
import type { LogPart, LogWish, TrialLog } from './parts.ts';
import type { LogSources } from './logs.ts';

/** Throws SB-E093 where nothing was built. */
export async function buildLog(trial: Trial, sources: LogSources, wish: LogWish): Promise<TrialLog> {
  const build = await buildOf(trial, sources);
  const said = saidOf(build);
  const attempt = build.status?.attempts?.at(-1);
  if (!attempt) throw absent(trial, said);
  const parts = await partsOf(attempt, sources, wish);
  if (parts.length === 0 && attempt.logUrl === undefined) throw absent(trial, said);
  return { parts, notes: [said, ...notesOf(attempt)] };
}

async function buildOf(trial: Trial, { taskBuild }: LogSources): Promise<TaskBuild> {
  const name = trial.status?.taskBuild ?? trial.spec.environment.buildRef?.name;
  if (name === undefined) throw absent(trial, 'its image is not built, or its build is not known yet');
  const build = await taskBuild(name);
  if (!build) throw absent(trial, `its TaskBuild ${name} is gone`);
  return build;
}

function saidOf(build: TaskBuild): string {
  const { reason = 'Pending', message = 'not looked at yet' } = conditionOf(build, 'Succeeded') ?? {};
  return `TaskBuild ${build.metadata.name}: ${reason}: ${message}`;
}

const notesOf = ({ failedStep, logUrl, consoleUrl }: BuildAttempt): string[] => [
  ...(failedStep === undefined ? [] : [`failed step: ${failedStep}`]),
  ...(logUrl === undefined ? [] : [`whole log: ${logUrl}`]),
  ...(consoleUrl === undefined ? [] : [`page of the build: ${consoleUrl}`]),
];

/** The Job is called after the attempt's token. */
async function partsOf(
  { token, logTail }: BuildAttempt,
  { podOfJob, podLog }: LogSources,
  { follow, signal }: LogWish,
): Promise<LogPart[]> {
  const pod = await podOfJob(token);
  const lines =
    pod === undefined ? undefined : await podLog({ pod, container: CONTAINERS.build, follow, signal });
  if (lines) return [{ title: `container ${CONTAINERS.build} of Pod ${pod}`, lines }];
  return logTail ? [{ title: 'end of the log, as the TaskBuild keeps it', lines: each(logTail) }] : [];
}

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

const absent = ({ metadata: { name } }: Trial, why: string): CliError =>
  new CliError('SB-E093', {
    what: `there is no log of a build for the Trial ${name}`,
    why,
    fix: `sb trial explain ${name}`,
  });
