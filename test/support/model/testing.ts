/** What the tests of this folder share: a server of their own, requests to it, and streams taken apart. */
import type { ScriptSources, Usage } from './script.ts';
import { standardScripts } from './scripts.ts';
import { type ModelServer, startModelServer } from './server.ts';

export const keys = { alice: 'made-up-key-of-alice', bob: 'made-up-key-of-bob' };

/** An answer whose body, if it is no stream, is a `T`. */
export interface Answer<T> {
  status: number;
  headers: Headers;
  text: string;
  json: T;
}

export interface Served {
  server: ModelServer;
  post<T>(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer<T>>;
  get<T>(path: string, headers?: Record<string, string>): Promise<Answer<T>>;
}

/** Starts a server before each test of this `describe`, since counters and totals are part of it. */
export function useModelServer(scripts: ScriptSources = standardScripts): Served {
  const served: Served = {
    server: undefined as unknown as ModelServer,
    post: async (path, body, headers = {}) =>
      answered(
        await fetch(`${served.server.url}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(body),
        }),
      ),
    get: async (path, headers = {}) => answered(await fetch(`${served.server.url}${path}`, { headers })),
  };
  beforeEach(async () => void (served.server = await startModelServer({ scripts, keys })));
  afterEach(() => served.server.close());
  return served;
}

/** A response, read to its end. @throws when it is cut. */
async function answered<T>(response: Response): Promise<Answer<T>> {
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  const json = (isJson ? JSON.parse(text) : {}) as T;
  return { status: response.status, headers: response.headers, text, json };
}

/** The documents of an event stream, without the mark at its end. Checks that a named event has the name as its type. */
export function documents<T>(stream: string): T[] {
  const frames = stream.split('\n\n').filter((frame) => frame !== '' && frame !== 'data: [DONE]');
  return frames.map((frame) => {
    const [, , name, data] = /^(event: (.+)\n)?data: (.+)$/.exec(frame) ?? [];
    const document = JSON.parse(data ?? '') as T;
    if (name !== undefined && (document as { type?: string }).type !== name) {
      throw new Error(`event ${name} has another type`);
    }
    return document;
  });
}

/** What a conversation came to, as a client of any protocol sees it. */
export interface Conversation {
  said: string[];
  thought: string[];
  commands: string[];
  ends: string[];
  usage: Usage;
  /** Tool calls of each reply. */
  calls: number[];
}

export const noConversation = (): Conversation => ({
  said: [],
  thought: [],
  commands: [],
  ends: [],
  usage: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
  calls: [],
});

export function addUsage(sum: Usage, usage: Usage): void {
  for (const [kind, tokens] of Object.entries(usage)) sum[kind as keyof Usage] += tokens;
}

/** What every protocol has to make of `several-calls`. */
export const severalCalls: Omit<Conversation, 'usage'> = {
  said: ['I look around first.', 'Done.'],
  thought: ['Both files are needed.'],
  commands: [
    'echo first > first.txt',
    'echo second > second.txt',
    'cat first.txt second.txt > both.txt',
    'cat no-such-file',
    "printf '%s' 'solved\n' > 'answer.txt'",
  ],
  ends: [],
  calls: [2, 1, 1, 1, 0],
};

/** The usage of `several-calls`, reply by reply, added up. */
export const severalCallsUsage: Usage = {
  input: 400,
  output: 107,
  cacheRead: 590,
  cacheWrite: 40,
  reasoning: 15,
};
