/**
 * The way of an agent to its model, with the key outside of its container.
 *
 * ```
 * agent ── token of this attempt ──► 127.0.0.1:MODEL_PORT ── real key ──► the one base URL of the Trial
 *       ◄── the bytes as they come ── counted as they go by ◄──────────── (a public Pod: directly; a restricted one: the broker's tunnel)
 * ```
 *
 * It is there while an agent works, and for all steps of a task it is one: its limits are theirs together. Its port is taken before anything of
 * the task runs, or that could take it and be given prompts and token; between the agents' phases every connection to it is ended at once.
 *
 * Who could abuse it, and what stands against it:
 *
 * | who | wants | finds |
 * |---|---|---|
 * | anything on the Pod's loopback: services, what the image began, the tests | the model for nothing | no token, no answer; after the agent's phase no connection |
 * | the agent | the key | no answer has it: headers that tell of the account and texts that repeat the key are left out, redirections are not followed |
 * | the agent | other things that the key opens: files, batches, stored answers, settings | a list of what may be asked (routes.ts), by its exact spelling |
 * | the agent | another host, or the API server | the base URL is the Trial's; the broker checks host, port and addresses for itself |
 * | the agent | more than its limits | a call is let in only where it fits (ledger.ts); an answer that is cut off, or tells of no tokens, counts by its size; bodies that could be read in two ways are refused |
 * | the agent | to fail the courier, and gain another attempt | nothing is kept of bodies and answers but single numbers; connections, calls, heads, bodies and times are bounded |
 * | the agent | to look like a victim of its model | refusals of a request tell nothing (trouble.ts) |
 * | the agent, in a phase without the internet | the internet, by tools that the provider itself runs | those that are known are refused (web-tools.ts) |
 *
 * Not prevented: a provider fetches pictures and files that a message names by URL.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Transform } from 'node:stream';
import { PROVIDERS } from '../../crds/providers.ts';
import type { Usage } from '../../crds/trial-status.ts';
import type { AssignedEndpoint } from '../../wire/assignment.ts';
import type { StorageAgents } from '../broker/http.ts';
import { BodyRefused } from './body.ts';
import { errorFor } from './errors.ts';
import { forward, type Call } from './forward.ts';
import { askedOf, lengthOf, type Refusal } from './gate.ts';
import { NO_RETRY } from './heads.ts';
import { Ledger, type Leave } from './ledger.ts';
import { TroubleWatch, type Trouble } from './trouble.ts';

/** What the courier saw of an agent's phase. */
export interface ModelSeen {
  usage: Usage;
  failure?: Trouble;
}

export interface ModelProxy {
  port: number;
  /** Lets an agent call its model while it works. */
  during<T>(work: () => Promise<T>): Promise<{ done: T; seen: ModelSeen }>;
  close(): Promise<void>;
}

export interface ModelProxyOptions {
  endpoint: AssignedEndpoint;
  /** What the agent has in place of the key. */
  token: string;
  /** Missing: the provider, a gateway, needs none. */
  key?: string | undefined;
  agents: StorageAgents;
  /** 0 takes a free one. */
  port: number;
  /** The provider may search and fetch for the agent, which may itself. */
  webTools: boolean;
  note: (line: string) => void;
  /** Takes secrets out of an answer. */
  clean?: () => Transform;
}

const CONNECTIONS = 64;
const HEAD_MAX_BYTES = 32 * 1024;
const HEAD_MS = 10_000;
/** Programs keep connections, and are annoyed by one that ends as they use it. */
const KEEP_ALIVE_MS = 60_000;
const CHECK_MS = 1000;
/** For a client to read why before its connection ends. */
const REFUSED_MS = 2000;

export async function startModelProxy(options: ModelProxyOptions): Promise<ModelProxy> {
  const desk = new Desk(options);
  const server = createServer(
    {
      maxHeaderSize: HEAD_MAX_BYTES,
      headersTimeout: HEAD_MS,
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_MS,
      insecureHTTPParser: false,
      noDelay: true,
    },
    (request, response) => void desk.serve(request, response),
  );
  server.maxConnections = CONNECTIONS;
  server.on('connection', (socket) => void (desk.isOpen || socket.destroy()));
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async during(work) {
      desk.open();
      try {
        const done = await work();
        return { done, seen: await end(server, desk) };
      } finally {
        await end(server, desk);
      }
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      await end(server, desk);
      await closed;
    },
  };
}

/** Ends every connection, and resolves once nothing of it is left to be counted. */
async function end(server: Server, desk: Desk): Promise<ModelSeen> {
  const settled = desk.end();
  server.closeAllConnections();
  await settled;
  return desk.lap();
}

class Desk {
  readonly #options: ModelProxyOptions;
  readonly #ledger: Ledger;
  readonly #trouble = new TroubleWatch();
  readonly #calls = new Set<Promise<void>>();
  /** Missing: between phases. */
  #phase: AbortController | undefined;
  #overdrawn: string | undefined;
  #noted = false;

  constructor(options: ModelProxyOptions) {
    this.#options = options;
    this.#ledger = new Ledger(options.endpoint);
  }

  get isOpen(): boolean {
    return this.#phase !== undefined;
  }

  open(): void {
    this.#phase = new AbortController();
  }

  async end(): Promise<void> {
    this.#phase?.abort();
    this.#phase = undefined;
    await Promise.allSettled(this.#calls);
  }

  lap(): ModelSeen {
    const trouble = this.#trouble.lap();
    const spent = this.#overdrawn;
    this.#overdrawn = undefined;
    const failure: Trouble | undefined =
      spent === undefined
        ? trouble
        : {
            type: 'BudgetExceededError',
            message: `a call of the model was refused: ${spent}`,
            lasting: true,
          };
    return { usage: this.#ledger.lap(), ...(failure && { failure }) };
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const served = this.#serve(request, response).catch(() => void response.destroy());
    this.#calls.add(served);
    await served;
    this.#calls.delete(served);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const phase = this.#phase;
    if (!phase) return void response.destroy();
    const left = new AbortController();
    response.once('close', () => void (response.writableFinished || left.abort()));
    const gone = AbortSignal.any([phase.signal, left.signal]);
    const asked = askedOf(request, this.#options);
    if ('kind' in asked) return this.#refuse(response, asked);
    const { route } = asked;
    const leave = route.does === 'generate' ? await this.#ledger.admit(lengthOf(request), gone) : () => {};
    if (gone.aborted) return undefined;
    if (leave === 'spent')
      return this.#refuse(response, { kind: 'budget', message: this.#spentNow(), route });
    return await this.#call({ ...asked, request, response, gone }, leave);
  }

  async #call(
    call: Pick<Call, 'request' | 'response' | 'gone' | 'route' | 'url' | 'headers'>,
    leave: Leave,
  ): Promise<void> {
    const { agents, clean, webTools } = this.#options;
    const { route, response } = call;
    try {
      const {
        model,
        tokens,
        end: ended,
      } = await forward({
        ...call,
        agents,
        clean,
        webTools,
        problemOfModel: (name) => this.#problemOf(name),
      });
      leave(tokens && { model, tokens });
      if (ended && route.does === 'generate') this.#trouble.ended(ended);
      if (ended?.kind === 'unreachable')
        this.#refuse(response, { kind: 'upstream', message: ended.why, route });
      else if (!response.headersSent) response.destroy();
    } catch (error) {
      leave();
      if (!(error instanceof BodyRefused)) throw error;
      this.#refuse(response, { kind: error.kind, message: error.message, route });
    }
  }

  #spentNow(): string {
    const spent = this.#ledger.spent ?? 'nothing is left';
    this.#overdrawn ??= spent;
    if (!this.#noted) this.#options.note(`the model is not called any more: ${spent}`);
    this.#noted = true;
    return `The budget of this Trial is used up: ${spent}. The model cannot be called any more.`;
  }

  #problemOf(model: string): string | undefined {
    return this.#ledger.prices(model)
      ? undefined
      : `the price of ${model.slice(0, 100)} is not known, and the cost of this Trial is limited`;
  }

  #refuse(response: ServerResponse, { kind, message, route }: Refusal): void {
    if (response.headersSent || response.destroyed) return void response.destroy();
    const [first = 'openai-chat'] = PROVIDERS[this.#options.endpoint.provider].protocols;
    const { status, body } = errorFor(route?.protocol ?? first, kind, message);
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
      ...(kind !== 'upstream' && Object.fromEntries([NO_RETRY])),
    });
    response.end(body);
    response.req.resume();
    const late = setTimeout(() => response.req.destroy(), REFUSED_MS);
    response.req.once('close', () => clearTimeout(late));
  }
}
