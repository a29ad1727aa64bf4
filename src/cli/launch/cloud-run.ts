/** `sb cloud run`: select, plan, submit, follow, mirror, in this order and mostly at once. `sb run attach`: the last two, as if that command had never ended. */
import { relative, resolve } from 'node:path';
import { expectReady } from '../../client/runs/agents/check.ts';
import { contenders } from '../../client/runs/plan/agents.ts';
import { clashNotes } from '../../client/runs/plan/clashes.ts';
import { planRun } from '../../client/runs/plan/plan.ts';
import { taskDefaults } from '../../client/runs/plan/defaults.ts';
import { taskFolder, trialCount, type PlanOptions, type RunPlan } from '../../client/runs/plan/types.ts';
import { GROUP } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import { checkReachable, preflight, type Need } from '../../client/session/preflight.ts';
import { rulesOf } from '../../client/session/rules.ts';
import { withSession } from '../../client/session/session.ts';
import { problemLines } from '../../tasks/folder/problems.ts';
import { selectTasks, type Selection } from '../../client/runs/select/select.ts';
import { submitRun, type Submitted } from '../../client/runs/submit/submit.ts';
import { safe, safeLine } from '../../text/safe.ts';
import { leftOutNote } from '../../client/tasks/local.ts';
import type { ExitCode } from '../../client/failures/error.ts';
import type { Io, OutputFormat } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import { attend } from './attend.ts';
import { printSubmitted, conclude, halfway, printFarewell, printRefused, returnTo } from './conclude.ts';
import { printDryRun } from './dry-run.ts';
import { checkNodes, nodeLines, checkQuotas } from './fit.ts';
import { hostAccess } from './host-access.ts';
import { durationMs, wishOf, type RunFlags, type Wish } from './wish.ts';
import { resolveRun } from '../../client/runs/find/runs.ts';

/** Where results go when nobody says where. */
const JOBS_DIR = 'jobs';
/** The operator's own default, for a dry run that asks nobody. */
const BUCKET = 'abundant-sb-artifacts';

/** Does what the flags say; resolves to the exit code. Throws CliError for what keeps the run from being. */
export async function cloudRun(flags: RunFlags, io: Io): Promise<ExitCode> {
  const wish = await wishOf(flags, io);
  expectReady({ ...wish, contenders: contenders(wish.options), environment: io.env });
  if (wish.dryRun === 'client') {
    const bucket = io.env['SB_S3_BUCKET'] || BUCKET;
    const selection = await select(wish, io);
    return printDryRun(await planOf(wish, io, { selection, bucket }), { wish, io });
  }
  // First, for reading thousands of tasks takes a while and a wrong context is told at once.
  const run = (): Promise<ExitCode> =>
    withSession(wish.session, io, async (session) =>
      inCluster(session, { wish, io, selection: await select(wish, io) }),
    );
  if (wish.options.provision === false || wish.dryRun) return run();
  const { orOffer } = await import('../cloud/offer.ts');
  return orOffer(io, run);
}

/** As it would be typed here: absolute only where it lies elsewhere. */
function shortest(path: string, cwd: string): string {
  const typed = relative(cwd, path) || '.';
  return typed.startsWith('..') ? path : typed;
}

async function select({ options, paths }: Wish, { signal, terminal, cwd }: Io): Promise<Selection> {
  const { include, exclude, limit, skipInvalid } = options;
  const selection = await selectTasks({
    path: paths,
    shown: paths.map((path) => shortest(path, cwd)).join(' and '),
    signal,
    ...(include && { include }),
    ...(exclude && { exclude }),
    ...(limit !== undefined && { limit }),
    ...(skipInvalid !== undefined && { skipInvalid }),
  });
  const note = leftOutNote(selection.tasks);
  if (note !== undefined) terminal.err(safe(`${note}\n`));
  for (const line of clashNotes(selection.tasks)) terminal.err(`${safeLine(line)}\n`);
  return selection;
}

async function planOf(
  wish: Wish,
  io: Io,
  { selection, ...known }: Pick<PlanOptions, 'selection' | 'bucket' | 'folder' | 'defaults'>,
): Promise<RunPlan> {
  const { run, options, envFile, session } = wish;
  const { namespace } = session;
  const environment = await hostAccess(wish, selection, io);
  const place = namespace === undefined ? {} : { namespace };
  const plan = planRun({ selection, ...known, run, options, envFile, environment, ...place });
  for (const line of problemLines(plan.skipped, io.cwd)) io.terminal.err(safe(`left out: ${line}\n`));
  return plan;
}

interface Launch {
  wish: Wish;
  io: Io;
  selection: Selection;
}

async function inCluster(session: Session, { wish, io, selection }: Launch): Promise<ExitCode> {
  await checkReachable(session);
  const { bucket } = await session.client();
  const rules = await rulesOf(session);
  const defaults = await taskDefaults(session, rules);
  const folder = taskFolder(rules);
  const plan = await planOf(wish, io, { selection, bucket, folder, ...present({ defaults }) });
  await preflight(session, needsOf(plan));
  if (wish.options.newNodes === false) await checkNodes(session, plan);
  else for (const line of await nodeLines(session, plan)) io.terminal.err(safe(`${line}\n`));
  if (wish.dryRun === 'server') return printDryRun(plan, { wish, io, session });
  for (const line of await checkQuotas(session, plan, io.signal)) io.terminal.err(safe(`${line}\n`));
  return wish.options.detach ? detached(session, plan, { wish, io }) : attended(session, plan, { wish, io });
}

/** Following and cancelling Trials, and applying what the plan has: what is not there yet needs create as well as patch. */
function needsOf(plan: RunPlan): Need[] {
  const to = (resource: string, group: string, ...verbs: string[]): Need[] =>
    verbs.map((verb) => ({ verb, group, resource }));
  return [
    ...to('trials', GROUP, 'create', 'patch', 'get', 'list', 'watch'),
    ...(plan.tasks.some(({ build }) => build) ? to('taskbuilds', GROUP, 'create', 'patch') : []),
    ...(plan.secret ? to('secrets', '', 'create', 'patch') : []),
  ];
}

async function detached(
  session: Session,
  plan: RunPlan,
  { wish, io }: Omit<Launch, 'selection'>,
): Promise<ExitCode> {
  const submitted = await submitRun({ session, plan, signal: io.signal }).catch((error: unknown) => {
    if (io.signal.aborted) io.terminal.err(safe(`${halfway(plan.run)}\n`));
    throw error;
  });
  printRefused(io.terminal, submitted.refused);
  io.terminal.err(safe(`${createdLine(plan, submitted)}\nto return to it: ${returnTo(plan.run, session)}\n`));
  await printSubmitted(io.terminal, wish.output, { run: plan.run, namespace: session.namespace, submitted });
  return submitted.refused.length > 0 ? 3 : 0;
}

const createdLine = ({ run }: RunPlan, { created, unchanged, refused, tasks }: Submitted): string => {
  const trials = [
    `${created} created`,
    ...(unchanged > 0 ? [`${unchanged} there before`] : []),
    ...(refused.length > 0 ? [`${refused.length} refused`] : []),
  ];
  return `run ${run}: Trials: ${trials.join(', ')}; tasks: ${tasks.stored} stored, ${tasks.present} stored before`;
};

async function attended(
  session: Session,
  plan: RunPlan,
  { wish, io }: Omit<Launch, 'selection'>,
): Promise<ExitCode> {
  const { options, output, quiet } = wish;
  const { terminal } = io;
  const { run } = plan;
  const jobsDir = resolve(io.cwd, options.jobsDir ?? JOBS_DIR);
  const ended = await attend({
    session,
    io,
    run,
    expected: trialCount(plan) + plan.refused.length,
    jobsDir,
    output,
    quiet,
    followAgents: options.follow === true,
    onLeave: (left) =>
      printFarewell(left, { terminal, run, returnTo: returnTo(run, session), submits: true }),
    ...(options.waitTimeout !== undefined && { waitMs: durationMs(options.waitTimeout) }),
    submit: async (note) => {
      const submitted = await submitRun({
        session,
        plan,
        signal: io.signal,
        onEvent: (event) => {
          if (event.type === 'waiting') note(`the ${event.on} does not answer, trying again: ${event.why}`);
        },
      });
      note(createdLine(plan, submitted));
      return submitted;
    },
  });
  return conclude(ended, { terminal, session, run, output, failUnder: options.failUnder });
}

interface AttachOptions {
  io: Io;
  /** As it was typed. */
  run: string;
  /** Absolute. */
  jobsDir: string;
  output: OutputFormat;
  quiet: boolean;
  followAgents: boolean;
  waitMs?: number;
  failUnder?: number;
}

/** Watches the run to its end and copies its results; the exit code is that of `sb cloud run`. */
export async function attachRun(session: Session, options: AttachOptions): Promise<ExitCode> {
  const { io, jobsDir, output, quiet, waitMs, failUnder, followAgents } = options;
  const run = await resolveRun(session, options.run);
  const { terminal } = io;
  const ended = await attend({
    session,
    io,
    run,
    jobsDir,
    output,
    quiet,
    followAgents,
    onLeave: (left) =>
      printFarewell(left, { terminal, run, returnTo: returnTo(run, session), submits: false }),
    ...(waitMs !== undefined && { waitMs }),
  });
  return conclude(ended, { terminal, session, run, output, failUnder });
}
