/** HTTP of the distribution protocol: which server answers for a host, logins, and what its refusals mean. */
import { Agent, fetch, type Response } from 'undici';
import { ProviderError, type ProviderReason } from '../../errors.ts';
import { lookup } from '../../lookup.ts';
import { parseChallenge, tokenOf, tokenUrl, type Challenge, type Token } from './challenge.ts';
import { Lru } from '../../../async/lru.ts';
import { parseJson } from './manifest.ts';
import { readAtMost } from './read.ts';
import { redirectOf } from './redirect.ts';

export interface Login {
  username: string;
  password: string;
  /** Milliseconds since the epoch, from which on another is needed; default: never. */
  expires?: number;
}

export interface RegistryHttpSettings {
  /** Base URL that answers for a host: `{"docker.io": "https://mirror/docker-hub"}`. */
  mirrors?: Record<string, string>;
  /** The login for a host; what has none is asked anonymously. */
  credentials?: (host: string) => Login | undefined | Promise<Login | undefined>;
  timeoutMs?: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

export interface RegistryCall {
  method: 'GET' | 'HEAD';
  host: string;
  repository: string;
  /** `manifests/<reference>` or `blobs/<digest>`. */
  path: string;
  accept?: readonly string[];
  /** What is being done, for errors. */
  doing: string;
}

const dispatcher = new Agent({ connect: { lookup } });

const DEFAULT_TIMEOUT_MS = 15_000;
const TOKENS_KEPT = 1_000;
const TOKEN_BYTES = 65_536;
const HUB_SERVER = 'https://registry-1.docker.io';

const REASONS: Record<number, ProviderReason> = {
  401: 'AccessDenied',
  403: 'AccessDenied',
  404: 'NotFound',
  408: 'Unavailable',
  429: 'Throttled',
};

/** Hosts are named by strangers: one may be called like what every object has. */
const valueOf = <T>(settings: Record<string, T> = {}, host: string): T | undefined =>
  Object.hasOwn(settings, host) ? settings[host] : undefined;

const refusal = (doing: string, status: number): ProviderError =>
  new ProviderError(
    REASONS[status] ?? (status >= 500 ? 'Unavailable' : 'Invalid'),
    `${doing}: HTTP ${status}`,
  );

export class RegistryHttp {
  readonly #settings: RegistryHttpSettings;
  readonly #now: () => number;
  readonly #tokens = new Lru<Token>(TOKENS_KEPT);

  constructor(settings: RegistryHttpSettings) {
    this.#settings = settings;
    this.#now = settings.now ?? Date.now;
  }

  /** The answer where it is 2xx; undefined for 404; everything else throws. */
  async send(call: RegistryCall): Promise<Response | undefined> {
    const first = await this.#ask(call, this.#known(call));
    const answer = first.status === 401 ? await this.#askWithLogin(call, first) : first;
    if (answer.ok) return answer;
    await answer.body?.cancel();
    if (answer.status === 404) return undefined;
    throw refusal(call.doing, answer.status);
  }

  #server(host: string): string {
    const own = host === 'docker.io' ? HUB_SERVER : `https://${host}`;
    const server = valueOf(this.#settings.mirrors, host) ?? own;
    return server.replace(/\/+$/, '');
  }

  /** A mirror’s path belongs behind `/v2`, as in ECR’s pull-through `https://registry/docker-hub`. */
  #url({ host, repository, path }: RegistryCall): string {
    const { origin, pathname } = new URL(this.#server(host));
    return `${origin}/v2${pathname === '/' ? '' : pathname}/${repository}/${path}`;
  }

  #known({ host, repository }: RegistryCall): Token | undefined {
    const token = this.#tokens.get(`${host}/${repository}`);
    return token && token.expires > this.#now() ? token : undefined;
  }

  #ask(call: RegistryCall, token: Token | undefined): Promise<Response> {
    return this.#fetch(call.doing, this.#url(call), {
      method: call.method,
      headers: {
        ...(call.accept ? { accept: call.accept.join(', ') } : {}),
        ...(token ? { authorization: token.header } : {}),
      },
    });
  }

  async #askWithLogin(call: RegistryCall, refused: Response): Promise<Response> {
    await refused.body?.cancel();
    const challenge = parseChallenge(refused.headers.get('www-authenticate'));
    const token = challenge && (await this.#login(call, challenge));
    if (!token) throw refusal(call.doing, refused.status);
    this.#tokens.set(`${call.host}/${call.repository}`, token);
    // Whatever it says of its end: a clock that is wrong must not make it useless.
    return this.#ask(call, token);
  }

  async #login(call: RegistryCall, challenge: Challenge): Promise<Token | undefined> {
    const basic = await this.#basic(call.host);
    if (challenge.scheme === 'basic') return basic;
    const url = tokenUrl(challenge, this.#server(call.host));
    if (!url) return undefined;
    const doing = `${call.doing}: token of ${url.host}`;
    const answer = await this.#fetch(doing, url.href, {
      headers: basic ? { authorization: basic.header } : {},
    });
    if (!answer.ok) throw refusal(doing, answer.status);
    return tokenOf(parseJson(await readAtMost(answer, TOKEN_BYTES, doing), doing), this.#now());
  }

  async #basic(host: string): Promise<Token | undefined> {
    const login = await this.#settings.credentials?.(host);
    if (login === undefined) return undefined;
    const { username, password, expires = Infinity } = login;
    return { header: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`, expires };
  }

  async #fetch(doing: string, url: string, init: Request): Promise<Response> {
    try {
      const signal = AbortSignal.timeout(this.#settings.timeoutMs ?? DEFAULT_TIMEOUT_MS);
      return await follow(doing, new URL(url), { ...init, signal });
    } catch (error) {
      if (error instanceof ProviderError) throw error;
      const cause = (error as Error).cause ?? error;
      throw new ProviderError('Unavailable', `${doing}: ${(cause as Error).message}`, { cause: error });
    }
  }
}

interface Request {
  method?: string;
  headers: Record<string, string>;
}

const HOPS_MAX = 5;

const withoutLogin = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'authorization'));

/** Follows redirects; the Authorization header stays behind where they lead to another origin. */
async function follow(doing: string, url: URL, init: Request & { signal: AbortSignal }): Promise<Response> {
  let { headers } = init;
  let from = url;
  for (let hop = 0; hop <= HOPS_MAX; hop++) {
    const answer = await fetch(from, { ...init, headers, redirect: 'manual', dispatcher });
    const to = redirectOf(answer, from, doing);
    if (!to) return answer;
    await answer.body?.cancel();
    if (to.origin !== from.origin) headers = withoutLogin(headers);
    from = to;
  }
  throw new ProviderError('Invalid', `${doing}: more than ${HOPS_MAX} redirects`);
}
