/** Contents as their hash. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/** Up to here a file is read whole, which is several times faster than a stream. */
const SMALL = 2 ** 20;

/** SHA-256, in hex, of the contents of a file of about `size` bytes. */
export async function sha256OfFile(path: string, size: number): Promise<string> {
  if (size <= SMALL)
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

export const sha256OfText = (text: string): string => createHash('sha256').update(text).digest('hex');
