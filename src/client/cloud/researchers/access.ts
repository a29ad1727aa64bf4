/** Which cluster an IAM role is let into, as options and variables say it. */
import type { ClusterAccess } from '../../../providers/access/port.ts';
import { openAccess } from '../../../providers/profiles/access.ts';
import { explainCloud, lacking } from '../account/failures.ts';
import { missing } from '../machine/missing.ts';
import { seenHere, type CloudOptions } from '../machine/seen.ts';

export interface AccessFlags extends CloudOptions {
  cluster?: string;
}

/** Failures of AWS are `CliError`s. Throws SB-E120 where this machine lacks something. */
export async function accessOf(
  flags: AccessFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Pick<ClusterAccess, 'grant' | 'revoke'>> {
  const seen = await seenHere(flags, env);
  const lacks = missing(seen);
  if (lacks.length > 0) throw lacking(lacks);
  const cluster = flags.cluster ?? (env['SB_EKS_CLUSTER'] || seen.stack);
  const access = await openAccess({ region: seen.region ?? '', cluster });
  return {
    grant: (...asked) => access.grant(...asked).catch(explained),
    revoke: (...asked) => access.revoke(...asked).catch(explained),
  };
}

function explained(error: unknown): never {
  throw explainCloud(error);
}
