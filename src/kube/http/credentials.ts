import { KubeConfig } from '@kubernetes/client-node';
import type { RequestOptions } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import type { Clock } from '../../async/clock.ts';

export type TlsOptions = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'rejectUnauthorized' | 'servername'
>;

/** Who we are to the API server, at this moment. */
export interface Identity {
  headers: Record<string, string>;
  tls: TlsOptions;
}

export interface Credentials {
  /** The identity to use now; read again once a minute, since tokens and exec credentials rotate. */
  current(): Promise<Identity>;
  /** A newly read identity, after the server refused `stale` with 401. Concurrent callers share one reading. */
  refresh(stale: Identity): Promise<Identity>;
}

const REREAD_MS = 60_000;

const TLS_NAMES = ['ca', 'cert', 'key', 'passphrase', 'rejectUnauthorized', 'servername'] as const;

function tlsOf(options: TlsOptions): TlsOptions {
  return Object.fromEntries(
    TLS_NAMES.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  );
}

async function readIdentity(config: KubeConfig): Promise<Identity> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value !== undefined) headers[name] = String(value).trim();
  }
  if (options.auth && headers['Authorization'] === undefined) {
    headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  return { headers, tls: tlsOf(options) };
}

async function withToken(config: KubeConfig, token: TokenSource): Promise<Identity> {
  const [{ tls }, bearer] = await Promise.all([readIdentity(config), token()]);
  return { headers: { Authorization: `Bearer ${bearer}` }, tls };
}

/** A copy whose authenticators remember nothing: they cache tokens and offer no way to drop them. */
function forgetful(config: KubeConfig): KubeConfig {
  const copy = new KubeConfig();
  const { clusters, users, contexts, currentContext } = config;
  copy.loadFromOptions({ clusters, users, contexts, currentContext });
  return copy;
}

/** A bearer token that whoever connects makes: asked for once a minute, and after a refusal, so it must be good for longer than that. */
export type TokenSource = () => Promise<string>;

/** Credentials of a kubeconfig's current context: client certificate, token, token file, exec plugin, basic. `token`: in the place of what it says of the user. */
export function kubeConfigCredentials(
  kubeConfig: KubeConfig,
  clock: Clock,
  token?: TokenSource,
): Credentials {
  let config = kubeConfig;
  let cached: { identity: Promise<Identity>; readAt: number } | undefined;
  const read = (): Promise<Identity> => {
    const identity = token ? withToken(config, token) : readIdentity(config);
    const entry = { identity, readAt: clock.monotonic() };
    cached = entry;
    identity.catch(() => {
      if (cached === entry) cached = undefined;
    });
    return identity;
  };
  const current = (): Promise<Identity> =>
    cached && clock.monotonic() - cached.readAt < REREAD_MS ? cached.identity : read();
  return {
    current,
    async refresh(stale) {
      if (cached && (await cached.identity) !== stale) return current();
      config = forgetful(config);
      return read();
    },
  };
}
