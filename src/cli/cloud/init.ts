/** `sb cloud init`: shows, asks, makes, looks whether all is well. */
import { resolve } from 'node:path';
import { notAgreed } from '../../client/cloud/account/failures.ts';
import { makeAll, preview, survey, type Standing } from '../../client/cloud/lifecycle/init.ts';
import type { CloudWish, Installation } from '../../client/cloud/installation.ts';
import { cloudStacks, type CloudStack } from '../../client/cloud/costs/things.ts';
import { safeLine } from '../../text/safe.ts';
import { printCloud, printPreviews, printStandings } from '../render/cloud.ts';
import type { Io } from '../types.ts';
import { ofInit, placeOf, wishedOf, withCloud, type CloudFlags } from './open.ts';

export interface InitFlags extends CloudFlags {
  dryRun?: true;
  yes?: true;
}

const SOMETHING_IS_MISSING = 3;

export const stacksOf = ({ stack, zones, gpus, vpc, subnets, cluster }: CloudWish): CloudStack[] =>
  cloudStacks({
    stack,
    zones,
    gpus,
    guest: cluster !== undefined,
    network: vpc === undefined && subnets === undefined && cluster === undefined,
  });

export async function cloudInit(given: InitFlags, io: Io): Promise<number> {
  const flags = ofInit(given, io);
  if (flags.dryRun) return dryRun(flags, io);
  return withCloud(flags, io, async (installation) => {
    const found = await survey(installation);
    if (found.some(({ state }) => state !== 'there'))
      await agree(installation, found, { io, yes: flags.yes });
    await makeAll(installation);
    const isFine = await examined(installation, io);
    printNext(installation, io, isFine);
    return 0;
  });
}

/** What would be made; with credentials also what AWS says would change. */
async function dryRun(flags: InitFlags, io: Io): Promise<number> {
  const { wish, lacks } = await wishedOf(flags, io);
  printCloud(io.terminal, { stacks: stacksOf(wish), missing: lacks });
  if (lacks.length > 0) return SOMETHING_IS_MISSING;
  return withCloud(flags, io, async (installation) => {
    io.terminal.out(`\nin ${placeOf(installation)}:\n`);
    printPreviews(io.terminal, await preview(installation));
    return 0;
  });
}

async function agree(
  installation: Installation,
  found: readonly Standing[],
  { io, yes }: { io: Io; yes: true | undefined },
): Promise<void> {
  const { wish, context } = installation;
  const cluster = await context.cluster();
  const guest = cluster?.ours === false ? { cluster: cluster.name } : {};
  printCloud(io.terminal, { stacks: stacksOf({ ...wish, ...guest }), missing: [] });
  printStandings(io.terminal, found);
  const question = `Make this in ${placeOf(installation)}?`;
  if (yes) io.terminal.err(`${question} yes (--yes)\n`);
  else if (!(await io.confirm(question)))
    throw notAgreed(`installation ${wish.stack} is not made`, 'sb cloud init --yes');
}

/** Where Trials run that name no other namespace. */
const NAMESPACE = 'agents';

/** What `sb doctor` finds, on the context that was written. It is said and no more: all that was to be made is there. */
async function examined({ context }: Installation, io: Io): Promise<boolean> {
  const cluster = await context.cluster();
  if (!cluster) return true;
  const [{ diagnose }, { printDiagnosis }] = await Promise.all([
    import('../../client/diagnosis/doctor/diagnose.ts'),
    import('../render/doctor.ts'),
  ]);
  const jobsDir = resolve(io.cwd, 'jobs');
  const place = { context: cluster.arn, namespace: NAMESPACE, jobsDir, writeProbe: false };
  const diagnosis = await diagnose(place, io);
  await printDiagnosis(io.terminal, 'table', diagnosis);
  return diagnosis.fine;
}

/** What comes next: three lines. */
function printNext({ wish }: Installation, { terminal }: Io, isFine: boolean): void {
  const stack = safeLine(wish.stack);
  terminal.out(
    [
      isFine
        ? `installation ${stack} is ready`
        : `installation ${stack} is made; what is marked ✗ above may keep Trials from running`,
      `  sb doctor -n ${NAMESPACE}                      can Trials run there?`,
      `  sb cloud run -t <folder> -n ${NAMESPACE}       run tasks, fetch the results`,
      `  sb cloud down --stack ${stack.padEnd(19)}take it away again; results stay`,
      '',
    ].join('\n'),
  );
}
