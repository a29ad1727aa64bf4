import { access, constants, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fine, problem, warning, type Check, type Found } from './check.ts';

/** What the checks of this machine look at. */
interface Machine {
  /** Where results go; it need not be there yet. Absolute. */
  jobsDir: string;
}

const MIB = 2 ** 20;
/** A Trial's files are seldom more than a few megabytes. */
const LITTLE = 1024 * MIB;
const NONE = 50 * MIB;

export function judgeDisk(folder: string, freeBytes: number): Found[] {
  const free = `${folder}: ${sizeOf(freeBytes)} free`;
  const fix = `df -h ${folder}    (make room, or name another folder with --jobs-dir)`;
  if (freeBytes < NONE) return [problem(free, 'results cannot be copied there', fix)];
  if (freeBytes < LITTLE) return [warning(free, 'a large run’s results may not fit', fix)];
  return [fine(free)];
}

const sizeOf = (bytes: number): string =>
  bytes < 1024 * MIB ? `${Math.floor(bytes / MIB)} MiB` : `${(bytes / 1024 / MIB).toFixed(1)} GiB`;

/** The folder, or the nearest one above it that is there. */
async function nearest(folder: string): Promise<string> {
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  return isThere || dirname(folder) === folder ? folder : nearest(dirname(folder));
}

/** Room for results, and the right to write them. */
export const disk: Check<Machine> = {
  name: 'disk',
  subject: 'the folder for results',
  async run({ jobsDir }) {
    const folder = await nearest(jobsDir);
    try {
      await access(folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      const fix = `ls -ld ${folder}    (or name another folder with --jobs-dir)`;
      return [problem(`${jobsDir} cannot be written`, (error as Error).message, fix)];
    }
    const { bavail, bsize } = await statfs(folder);
    return judgeDisk(jobsDir, bavail * bsize);
  },
};
