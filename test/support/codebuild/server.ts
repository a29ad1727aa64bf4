/** The HTTP server: reads, checks who asks and what, does it, and answers, with the faults that tests ask for in between. */
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../src/async/clock.ts';
import { authorize, losesResponse, refuse, staleness } from './call-faults.ts';
import { AwsError, internalFailure } from './errors.ts';
import { Faults } from './faults.ts';
import type { Call, CodeBuildOptions, CodeBuildService, Policies } from './service.ts';
import { Operations, type Settings } from './operations.ts';
import { checkRequest } from './requests.ts';
import { authenticate } from './signature.ts';
import { answer, answerError, operationOf, readRequest, type WireRequest } from './wire.ts';

class Server {
  readonly calls: Call[] = [];
  readonly faults: Faults;
  readonly operations: Operations;
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.faults = settings.faults;
    this.operations = new Operations(settings);
  }

  async handle(incoming: IncomingMessage, response: ServerResponse, policies?: Policies): Promise<void> {
    const request = await readRequest(incoming);
    const call: Call = { operation: request.target, at: this.#settings.clock.now(), request: request.json };
    this.calls.push(call);
    try {
      const body = await this.#perform(request, policies);
      if (!body) return void incoming.socket.destroy();
      call.status = 200;
      answer(response, 200, body);
    } catch (error) {
      const known = error instanceof AwsError ? error : internalFailure();
      Object.assign(call, { status: known.status, error: known.code });
      answerError(response, known);
      if (known !== error) throw error;
    }
  }

  /** The answer; undefined where it is to be lost. */
  async #perform(wire: WireRequest, policies?: Policies): Promise<object | undefined> {
    const { region, account, credentials } = this.#settings;
    // Signatures are dated by the client's own clock, which is real whatever clock the builds have.
    const caller = authenticate(wire, { region, known: [credentials].flat(), now: Date.now() });
    const operation = operationOf(wire);
    const userName = caller.userName ?? 'operator';
    await this.faults.hold(operation, 'before');
    const call = { region, account, userName, operation, request: wire.json };
    refuse(this.faults, call);
    authorize(call, policies);
    checkRequest(operation, wire.json);
    const body = this.operations.call(operation, wire.json, {
      ...caller,
      staleMs: staleness(this.faults, operation),
    });
    await this.faults.hold(operation, 'after');
    return losesResponse(this.faults, operation) ? undefined : body;
  }
}

/** Starts the service; resolves when it listens. */
export async function startCodeBuild(options: CodeBuildOptions): Promise<CodeBuildService> {
  const { host = '127.0.0.1', port = 0 } = options;
  const faults = new Faults();
  const service = new Server({ clock: systemClock, minuteMs: 60_000, ...options, faults });
  const { operations } = service;
  const doors: HttpServer[] = [];
  const listen = async (at: number, policies?: Policies): Promise<string> => {
    const http = createServer((request, response) => {
      service
        .handle(request, response, policies)
        .catch((error: unknown) => console.error('codebuild service:', error));
    });
    doors.push(http);
    await once(http.listen(at, host), 'listening');
    return `http://${host}:${(http.address() as AddressInfo).port}`;
  };
  return {
    url: await listen(port),
    door: (policies) => listen(0, policies),
    calls: service.calls,
    get builds() {
      return operations.builds;
    },
    inject: (fault) => faults.inject(fault),
    stop: (id) => operations.runs.find(({ build }) => build.id === id)?.stop(),
    async close() {
      faults.close();
      for (const run of operations.runs) run.stop();
      await Promise.all(operations.ended);
      for (const http of doors) {
        http.closeAllConnections();
        http.close();
      }
    },
  };
}
