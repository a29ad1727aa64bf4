/** A model proxy before an upstream of the test's own, and an agent's calls of it. */
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { PROVIDERS, type ProviderName } from '../../src/crds/providers.ts';
import { DIRECTLY } from '../../src/courier/broker/http.ts';
import { startModelProxy } from '../../src/courier/model-proxy/proxy.ts';
import type { ModelProxy, ModelProxyOptions, ModelSeen } from '../../src/courier/model-proxy/proxy.ts';
import type { AssignedEndpoint } from '../../src/wire/assignment.ts';
import { useScriptedServer, type ScriptedServer } from './http.ts';

export const [TOKEN, KEY] = ['token-of-the-attempt', 'sk-real-key-0123456789'];

export interface Answered {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Asking {
  method?: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON. */
  body?: object | string | Buffer;
}

export interface ModelWorld {
  upstream: ScriptedServer;
  /** Bodies of requests upstream, as they came. */
  bodies: string[];
  heads: IncomingHttpHeaders[];
  notes: string[];
  /** A proxy whose agent works until the function that it resolves is called. */
  begin(endpoint?: Partial<AssignedEndpoint>, over?: Partial<ModelProxyOptions>): Promise<Running>;
}

export interface Running {
  port: number;
  proxy: ModelProxy;
  ask(path: string, asking?: Asking): Promise<Answered>;
  /** Ends the agent's phase. */
  end(): Promise<ModelSeen>;
}

/** With the token where programs of the provider put it. */
const TOKENS: Partial<Record<ProviderName, Record<string, string>>> = {
  anthropic: { 'x-api-key': TOKEN },
  gemini: { 'x-goog-api-key': TOKEN },
};

export function ask(
  port: number,
  path: string,
  { method = 'POST', headers = {}, body }: Asking = {},
): Promise<Answered> {
  const bytes =
    typeof body === 'string' || Buffer.isBuffer(body) || body === undefined ? body : JSON.stringify(body);
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const length = bytes === undefined ? {} : { 'content-length': String(Buffer.byteLength(bytes)) };
  const asked = httpRequest({ port, path, method, headers: { ...length, ...headers }, agent: false });
  asked.on('error', reject);
  asked.on('response', (response) => {
    const { statusCode: status = 0, headers: shown } = response;
    buffer(response).then((whole) => resolve({ status, headers: shown, body: whole.toString() }), reject);
  });
  asked.end(bytes);
  return promise;
}

export function useModelWorld(): ModelWorld {
  const upstream = useScriptedServer();
  const proxies: ModelProxy[] = [];
  const world: ModelWorld = {
    upstream,
    bodies: [],
    heads: [],
    notes: [],
    async begin(over = {}, options = {}) {
      const { provider = 'openai', name = 'gpt-5' } = over;
      const endpoint: AssignedEndpoint = {
        provider,
        name,
        access: 'Proxy',
        baseUrl: `${upstream.base}/there`,
        key: PROVIDERS[provider].key,
        prices: [],
        ...over,
      };
      const proxy = await startModelProxy({
        endpoint,
        token: TOKEN,
        key: KEY,
        agents: DIRECTLY,
        port: 0,
        webTools: true,
        note: (line) => void world.notes.push(line),
        ...options,
      });
      proxies.push(proxy);
      const { promise, resolve } = Promise.withResolvers<void>();
      const working = proxy.during(() => promise);
      const headers = TOKENS[provider] ?? { authorization: `Bearer ${TOKEN}` };
      return {
        port: proxy.port,
        proxy,
        ask: (path, asking) =>
          ask(proxy.port, path, { ...asking, headers: { ...headers, ...asking?.headers } }),
        async end() {
          resolve();
          return (await working).seen;
        },
      };
    },
  };
  beforeEach(() => {
    world.bodies = [];
    world.heads = [];
    world.notes = [];
    upstream.handle = (_request, response) => response.end('{}');
  });
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.close();
  });
  return world;
}

/** Has the upstream read what is asked, and then answer. */
export const answering =
  (
    world: ModelWorld,
    answer: (response: ServerResponse, body: Record<string, unknown>) => unknown,
  ): ScriptedServer['handle'] =>
  (request, response) => {
    buffer(request).then(
      (bytes) => {
        world.bodies.push(bytes.toString());
        world.heads.push(request.headers);
        answer(response, (bytes.length > 0 ? JSON.parse(bytes.toString()) : {}) as Record<string, unknown>);
      },
      () => response.destroy(),
    );
  };

export const json = (response: ServerResponse, body: unknown, status = 200): unknown =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

export const events = (response: ServerResponse, ...data: (object | string)[]): unknown => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  return response.end(
    data.map((one) => `data: ${typeof one === 'string' ? one : JSON.stringify(one)}\n\n`).join(''),
  );
};
