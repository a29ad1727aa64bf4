/** `WWW-Authenticate` of a registry, and the token that answers it. */

export type Challenge =
  { scheme: 'bearer'; realm: string; parameters: Record<string, string> } | { scheme: 'basic' };

const PARAMETER = /([a-zA-Z_]+)=(?:"([^"]*)"|([^",\s]+))/g;

/** Undefined for a header that is missing or of a scheme that we do not speak. */
export function parseChallenge(header: string | null): Challenge | undefined {
  const [, scheme, rest = ''] = /^\s*(\w+)\s*(.*)$/s.exec(header ?? '') ?? [];
  if (scheme?.toLowerCase() === 'basic') return { scheme: 'basic' };
  if (scheme?.toLowerCase() !== 'bearer') return undefined;
  const pairs = [...rest.matchAll(PARAMETER)].map(
    ([, name, quoted, plain]) => [name, quoted ?? plain] as const,
  );
  const { realm, ...parameters } = Object.fromEntries(pairs) as Record<string, string>;
  return realm === undefined ? undefined : { scheme: 'bearer', realm, parameters };
}

/**
 * Where to ask for the token. Undefined where the registry names something that is no such place: an answer over https
 * must not send us to plain http, where a cloud’s metadata service listens.
 */
export function tokenUrl(challenge: Challenge & { scheme: 'bearer' }, registry: string): URL | undefined {
  const url = URL.canParse(challenge.realm) ? new URL(challenge.realm) : undefined;
  if (!url || (url.protocol !== 'https:' && url.protocol !== new URL(registry).protocol)) return undefined;
  for (const name of ['service', 'scope']) {
    const value = challenge.parameters[name];
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

export interface Token {
  /** Value of the Authorization header. */
  header: string;
  /** Milliseconds since the epoch. */
  expires: number;
}

/** The distribution spec’s default where `expires_in` is missing. */
const DEFAULT_SECONDS = 60;
const MARGIN_SECONDS = 10;

/** Undefined where the answer holds no token. */
export function tokenOf(answer: Record<string, unknown>, now: number): Token | undefined {
  const token = answer['token'] ?? answer['access_token'];
  if (typeof token !== 'string' || token === '') return undefined;
  const seconds = typeof answer['expires_in'] === 'number' ? answer['expires_in'] : DEFAULT_SECONDS;
  return { header: `Bearer ${token}`, expires: now + (seconds - MARGIN_SECONDS) * 1000 };
}
