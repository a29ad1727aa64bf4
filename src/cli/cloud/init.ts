/** `sb cloud init`: shows, asks, makes. */
import { notAgreed } from '../../client/cloud/failures.ts';
import { makeAll, preview, survey, type Standing } from '../../client/cloud/init.ts';
import type { CloudWish, Installation } from '../../client/cloud/installation.ts';
import { cloudStacks, type CloudStack } from '../../client/cloud/things.ts';
import { safeLine } from '../../text/safe.ts';
import { printCloud, printPreviews, printStandings } from '../render/cloud.ts';
import type { Io } from '../types.ts';
import { placeOf, wishedOf, withCloud, type CloudFlags } from './open.ts';

export interface InitFlags extends CloudFlags {
  dryRun?: true;
  yes?: true;
}

const SOMETHING_IS_MISSING = 3;

export const stacksOf = ({ stack, zones, vpc, subnets, cluster }: CloudWish): CloudStack[] =>
  cloudStacks({ stack, zones, network: vpc === undefined && subnets === undefined && cluster === undefined });

export async function cloudInit(flags: InitFlags, io: Io): Promise<number> {
  if (flags.dryRun) return dryRun(flags, io);
  return withCloud(flags, io, async (installation) => {
    const found = await survey(installation);
    if (found.some(({ state }) => state !== 'there'))
      await agree(installation, found, { io, yes: flags.yes });
    await makeAll(installation);
    printNext(installation, io);
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
  printCloud(io.terminal, { stacks: stacksOf(installation.wish), missing: [] });
  printStandings(io.terminal, found);
  const question = `Make this in ${placeOf(installation)}?`;
  if (yes) io.terminal.err(`${question} yes (--yes)\n`);
  else if (!(await io.confirm(question)))
    throw notAgreed(`installation ${installation.wish.stack} is not made`, 'sb cloud init --yes');
}

/** What comes next: three lines. */
function printNext({ wish }: Installation, { terminal }: Io): void {
  terminal.out(
    [
      `installation ${safeLine(wish.stack)} is ready`,
      '  sb doctor -n agents                      can Trials run there?',
      '  sb cloud run -t <folder> -n agents       run tasks, fetch the results',
      `  sb cloud down --stack ${safeLine(wish.stack).padEnd(19)}take it away again; results stay`,
      '',
    ].join('\n'),
  );
}
