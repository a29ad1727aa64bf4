/** `sb cloud down`: lists, has the name typed, takes away, lists what is left. */
import { doomed, leftovers, takeAway, type Doomed } from '../../client/cloud/lifecycle/down.ts';
import { notAgreed } from '../../client/cloud/account/failures.ts';
import type { Installation } from '../../client/cloud/installation.ts';
import { safeLine } from '../../text/safe.ts';
import { printDoomed, printLeftovers } from '../render/cloud.ts';
import type { Io } from '../types.ts';
import { placeOf, withCloud, type CloudFlags } from './open.ts';

export interface DownFlags extends CloudFlags {
  force?: true;
  purge?: true;
  confirm?: string[];
}

export const cloudDown = (flags: DownFlags, io: Io): Promise<number> =>
  withCloud(flags, io, async (installation) => {
    const wish = { force: flags.force === true, purge: flags.purge === true };
    const found = await doomed(installation, wish);
    if (found.steps.length + found.kept.length === 0) {
      const kept = wish.purge ? '' : ', but for what is kept (--purge deletes that)';
      io.terminal.out(
        `nothing of ${safeLine(installation.wish.stack)} is there in ${placeOf(installation)}${kept}\n`,
      );
    } else {
      printDoomed(io.terminal, { place: placeOf(installation), found, purge: wish.purge });
      await agree(installation, found, { io, confirm: flags.confirm ?? [] });
      await takeAway(installation, found);
    }
    printLeftovers(io.terminal, await leftovers(installation));
    return 0;
  });

/** Everything that has to be typed: the name of the installation, and that of what holds results. */
async function agree(
  { wish }: Installation,
  { kept }: Doomed,
  { io, confirm }: { io: Io; confirm: readonly string[] },
): Promise<void> {
  const bucket = kept.find(({ kind }) => kind === 'bucket');
  const names = [
    [wish.stack, 'To delete this, type the name of the installation:'],
    ...(bucket ? [[bucket.name, 'All results go for good. Type the name of the bucket:']] : []),
  ] as const;
  for (const [name = '', question = ''] of names)
    if (!confirm.includes(name) && (await io.ask(question)) !== name)
      throw notAgreed(
        `installation ${wish.stack} is not deleted`,
        `type the name when asked; without a terminal: ${names.map(([one]) => `--confirm ${one}`).join(' ')}`,
      );
}
