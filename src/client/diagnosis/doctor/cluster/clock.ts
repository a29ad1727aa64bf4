import { fine, problem, warning, type Check, type Found, type Patient } from '../check-result.ts';

/** Leases and estimates are off by this much. */
const WARN_MS = 5000;
/** S3 refuses what is signed more than 15 minutes off; tokens are less patient. */
const WRONG_MS = 300_000;

/** `aheadMs`: by how much this machine's clock is ahead of the API server's. */
export function judgeClock(aheadMs: number): Found[] {
  const off = Math.abs(aheadMs);
  const what = `this machine’s clock is ${(off / 1000).toFixed(1)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the API server’s`;
  const fix = 'sudo timedatectl set-ntp true    (or: sudo sntp -sS pool.ntp.org)';
  if (off <= WARN_MS) return [fine('this machine and the API server have the same time')];
  if (off <= WRONG_MS) return [warning(what, 'times that sb prints are wrong by that', fix)];
  return [problem(what, 'the store refuses requests that are signed with a wrong time', fix)];
}

export const clock: Check<Patient> = {
  name: 'clock',
  subject: 'the clock',
  run: async ({ identity }) => judgeClock((await identity()).aheadMs),
};
