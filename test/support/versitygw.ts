/** A real S3 server over an empty folder. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startProgram, type Running } from './programs.ts';

export const VERSITYGW = {
  accessKeyId: 'sb',
  secretAccessKey: 'sb-local-only',
  region: 'us-east-1',
} as const;

/** Starts versitygw with these buckets; undefined where it was never built. */
export function startVersitygw(...buckets: string[]): Promise<Running | undefined> {
  return startProgram('versitygw', async (address, folder) => {
    for (const bucket of buckets) await mkdir(join(folder, bucket));
    return {
      args: ['--quiet', '--port', address, 'posix', folder],
      env: { ROOT_ACCESS_KEY: VERSITYGW.accessKeyId, ROOT_SECRET_KEY: VERSITYGW.secretAccessKey },
    };
  });
}
