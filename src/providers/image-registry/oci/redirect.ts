/** Where a registry sends whoever asks it, as it does for blobs. Pure. */
import { ProviderError } from '../../errors.ts';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * The address that an answer leads to; undefined where it is one to read. Throws `Invalid` for an address that a registry may not name: an answer
 * over https must not send us to plain http, where a cloud’s metadata service listens.
 */
export function redirectOf(
  { status, headers }: { status: number; headers: { get(name: string): string | null } },
  from: URL,
  doing: string,
): URL | undefined {
  const location = REDIRECTS.has(status) ? headers.get('location') : null;
  if (location === null) return undefined;
  const to = URL.parse(location, from);
  if (to && (to.protocol === 'https:' || to.protocol === from.protocol)) return to;
  throw new ProviderError(
    'Invalid',
    `${doing}: the answer leads to ${to?.origin ?? 'no address'}, which no registry may name`,
  );
}
