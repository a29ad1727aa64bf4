/** A collector of OpenTelemetry on this machine: it takes OTLP over HTTP as JSON, as the specification has it, and refuses what is not that. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { OPERATOR } from '../../../src/installation/names.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { hostAddress } from '../cluster/index.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { operatorIsWell, operatorPods } from './faults.ts';

/** A span as it arrived. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  status?: { code: number; message: string };
}

interface ExportRequest {
  resourceSpans: {
    resource: { attributes: ReceivedSpan['attributes'] };
    scopeSpans: { spans: ReceivedSpan[] }[];
  }[];
}

export class Collector {
  /** In the order of their arrival; what comes twice is there twice. */
  readonly spans: ReceivedSpan[] = [];
  /** Names of the services that sent them. */
  readonly services = new Set<unknown>();
  readonly #server: Server;
  url = '';

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#take(request).then(
        () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
        (error: Error) => response.writeHead(400).end(error.message),
      );
    });
  }

  async start(): Promise<void> {
    const address = await hostAddress();
    await once(this.#server.listen(0, address), 'listening');
    this.url = `http://${address}:${(this.#server.address() as AddressInfo).port}`;
  }

  async #take(request: IncomingMessage): Promise<void> {
    const { method, url, headers } = request;
    if (method !== 'POST' || url !== '/v1/traces' || headers['content-type'] !== 'application/json')
      throw new Error(`${method} ${url} with ${headers['content-type']} exports no traces`);
    const { resourceSpans } = (await json(request)) as ExportRequest;
    for (const { resource, scopeSpans } of resourceSpans) {
      for (const { key, value } of resource.attributes)
        if (key === 'service.name') this.services.add(value['stringValue']);
      this.spans.push(...scopeSpans.flatMap(({ spans }) => spans));
    }
  }

  ofTrial(name: string): ReceivedSpan[] {
    const isOf = ({ attributes }: ReceivedSpan): boolean =>
      attributes.some(({ key, value }) => key === 'sb.trial.name' && value['stringValue'] === name);
    const traces = new Set(this.spans.filter(isOf).map(({ traceId }) => traceId));
    return this.spans.filter(({ traceId }) => traces.has(traceId));
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Sets a variable of the operator, or takes it away; resolves when all replicas have it. */
export async function setOperator(variable: string, value?: string): Promise<void> {
  const of = [`statefulset/${OPERATOR.name}`, '-n', OPERATOR.namespace];
  await kubectlOk(['set', 'env', ...of, value === undefined ? `${variable}-` : `${variable}=${value}`]);
  await kubectlOk(['rollout', 'status', ...of, '--timeout=120s']);
  await eventuallyTrue('those without it are gone', async () => (await operatorPods()).length === 2, 120);
  await operatorIsWell();
}
