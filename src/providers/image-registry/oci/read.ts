import type { Response } from 'undici';
import { ProviderError } from '../../errors.ts';

/** The body, of which at most `maxBytes` are fetched; more is `TooLarge`. */
export async function readAtMost(response: Response, maxBytes: number, doing: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of response.body ?? []) {
      size += part.length;
      // Leaving the loop cancels the rest.
      if (size > maxBytes) break;
      parts.push(part);
    }
  } catch (error) {
    throw new ProviderError('Unavailable', `${doing}: ${(error as Error).message}`, { cause: error });
  }
  if (size > maxBytes) throw new ProviderError('TooLarge', `${doing}: more than ${maxBytes} bytes`);
  return Buffer.concat(parts, size);
}
