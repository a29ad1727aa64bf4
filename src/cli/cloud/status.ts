/** `sb cloud status`. */
import { leftovers } from '../../client/cloud/lifecycle/down.ts';
import { insideOf, nodesOf, quotaStatus, statusOf } from '../../client/cloud/status.ts';
import { printCloudStatus, printInside, printLeftovers, printQuotas } from '../render/cloud.ts';
import { printNodes } from '../render/nodes.ts';
import type { Io } from '../types.ts';
import { placeOf, withCloud, type CloudFlags } from './open.ts';

export const cloudStatus = (flags: CloudFlags, io: Io): Promise<number> =>
  withCloud(flags, io, async (installation) => {
    const found = await statusOf(installation);
    printCloudStatus(io.terminal, placeOf(installation), found);
    printNodes(io.terminal, await nodesOf(installation), found);
    printInside(io.terminal, await insideOf(installation));
    printQuotas(io.terminal, await quotaStatus(installation));
    // What is left while there are stacks belongs to them.
    if (found.every(({ name, status }) => status === undefined || name.endsWith('-artifacts')))
      printLeftovers(io.terminal, await leftovers(installation));
    return 0;
  });
