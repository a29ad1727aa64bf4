/** What this machine says about AWS: variables, and profiles in the user's files. No key is read. */
import { open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { profilesIn, type AwsSeen } from './missing.ts';

/** What an option of `sb cloud init` may say. */
export interface CloudOptions {
  stack?: string;
  region?: string;
}

const DEFAULT_STACK = 'abundant-sb';

export async function seenHere(options: CloudOptions, env: AwsSeen['env']): Promise<AwsSeen> {
  const folder = join(env['HOME'] ?? homedir(), '.aws');
  const files = [
    env['AWS_CONFIG_FILE'] ?? join(folder, 'config'),
    env['AWS_SHARED_CREDENTIALS_FILE'] ?? join(folder, 'credentials'),
  ];
  const texts = await Promise.all(files.map(beginningOf));
  return {
    env,
    profiles: [...new Set(texts.flatMap(profilesIn))],
    stack: options.stack ?? env['SB_STACK'] ?? DEFAULT_STACK,
    region: options.region ?? env['SB_AWS_REGION'] ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'],
  };
}

/** More than anyone has in such a file. */
const MOST_BYTES = 256 * 1024;

/** Empty where there is no such file, or it cannot be read: then there are no profiles. */
async function beginningOf(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch {
    return '';
  }
}
