/** What `sb cloud init`, `down` and `status` have in common: options, and an installation opened by them. */
import { missing } from '../../client/cloud/machine/missing.ts';
import { lacking } from '../../client/cloud/account/failures.ts';
import { withInstallation, type CloudWish, type Installation } from '../../client/cloud/installation.ts';
import { clusterPart } from '../../client/cloud/parts.ts';
import { seenHere, type CloudOptions } from '../../client/cloud/machine/seen.ts';
import { safeLine } from '../../text/safe.ts';
import type { Io } from '../types.ts';

export interface CloudFlags extends CloudOptions {
  vpc?: string;
  subnets?: string[];
  cluster?: string;
  adminRole?: string;
  zones?: '2' | '3';
  gpus?: number;
}

/** Options of `init`, with what variables say in their place. Other commands know the cluster by its stack. */
export function ofInit<T extends CloudFlags>(flags: T, { env }: Pick<Io, 'env'>): T {
  const cluster = flags.cluster ?? env['SB_EKS_CLUSTER'];
  return cluster ? { ...flags, cluster } : flags;
}

/** What is wished, and what this machine lacks for it, a line each. */
export async function wishedOf(flags: CloudFlags, io: Io): Promise<{ wish: CloudWish; lacks: string[] }> {
  const seen = await seenHere(flags, io.env);
  const { vpc, subnets, cluster, adminRole, zones, gpus } = flags;
  const wish: CloudWish = {
    stack: seen.stack,
    region: seen.region ?? '',
    zones: zones === '2' ? 2 : 3,
    ...(vpc !== undefined && { vpc }),
    ...(subnets && { subnets }),
    ...(cluster !== undefined && { cluster }),
    ...(adminRole !== undefined && { adminRole }),
    ...(gpus !== undefined && { gpus }),
  };
  return { wish, lacks: missing(seen) };
}

/** Does something with the installation; progress goes to stderr. Throws SB-E120 where this machine lacks something. */
export async function withCloud<T>(
  flags: CloudFlags,
  io: Io,
  work: (installation: Installation) => Promise<T>,
): Promise<T> {
  const { wish, lacks } = await wishedOf(flags, io);
  if (lacks.length > 0) throw lacking(lacks);
  const { env, cwd, signal, now, terminal } = io;
  const say = (line: string): void => terminal.err(`${safeLine(line)}\n`);
  // At once: the process ends a second after Ctrl-C, whatever is under way.
  const listening = io.onInterrupt(() =>
    say('stopped watching: AWS goes on with what it has begun, and the same command returns to it'),
  );
  try {
    const around = { env, cwd, signal, now, say };
    return await withInstallation(
      wish,
      { around, inside: io.inside ?? (await clusterPart(env, wish)) },
      work,
    );
  } finally {
    listening();
  }
}

/** Whose account it is, on one line: before anything is made or deleted there. */
export const placeOf = ({ identity, wish }: Installation): string =>
  safeLine(`account ${identity.account} (${identity.arn}), region ${wish.region}`);
