/** What `sb cloud run` says where there is no installation: what `init` would make, and what it costs. On a terminal it asks, and makes it. */
import { hourly } from '../../client/cloud/costs/things.ts';
import { CliError } from '../../client/failures/error.ts';
import { dollars } from '../../text/figures.ts';
import { safeLine } from '../../text/safe.ts';
import type { Io } from '../types.ts';
import { cloudInit, stacksOf } from './init.ts';
import { ofInit, wishedOf } from './open.ts';

/** There is no kubeconfig, or no operator in the cluster that it names. */
const NO_INSTALLATION = new Set(['SB-E002', 'SB-E008']);

/**
 * Does `run`, and once more after an installation was made, where there was none. Throws what `run` threw where this machine has no credentials
 * for AWS: the cluster is another one then. Throws SB-E130 where nobody can be asked.
 */
export async function orOffer<T>(io: Io, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof CliError && NO_INSTALLATION.has(error.code))) throw error;
    const { wish, lacks } = await wishedOf(ofInit({}, io), io);
    if (lacks.length > 0) throw error;
    const usd = dollars(hourly(stacksOf(wish)));
    const what = `sb cloud init would make installation ${safeLine(wish.stack)} in ${safeLine(wish.region)}, for ${usd} per hour and the nodes`;
    if (!io.terminal.input) throw noInstallation(error, what);
    io.terminal.err(`${safeLine(`${error.what}: ${error.why}`)}\n${what}.\n`);
    if (!(await io.confirm('See what it makes in detail?'))) throw error;
    await cloudInit({}, io);
    return run();
  }
}

const noInstallation = (cause: CliError, what: string): CliError =>
  new CliError('SB-E130', {
    what: 'there is no installation to run in',
    why: `${cause.why}\n${what}`,
    fix: 'sb cloud init --yes    (or choose a cluster with --context; --no-provision leaves out this offer)',
    cause,
  });
