import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { definitions } from '../../../src/crds/kinds.ts';
import { API_VERSION, GROUP, VERSION } from '../../../src/crds/names.ts';
import { ownVersion } from '../../../src/installation/version.ts';

/** What a path answers: a document, or a failure with Kubernetes' status. */
export type Answer = object | { failure: number; reason: string; message: string };

/** An API server of fixed answers, for what `sb` asks before it does anything. */
export interface FixedApi {
  /** Answers by path without query; a function is told the request's body. */
  answers: Record<string, Answer | ((body: string) => Answer)>;
  /** `METHOD path`, in the order of arrival. */
  requests: string[];
  /** A kubeconfig with one context, `test`. */
  kubeconfig: string;
  close(): Promise<void>;
}

const refusal = (code: number, reason: string, message: string): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  reason,
  message,
});

/** Answers of a cluster that has everything, to somebody who may do everything. */
export const healthy = (): FixedApi['answers'] => ({
  '/version': { gitVersion: 'v1.36.1' },
  [`/apis/${GROUP}`]: { versions: [{ version: VERSION }] },
  [`/openapi/v3/apis/${API_VERSION}`]: {
    components: {
      schemas: Object.fromEntries(
        definitions.map(({ spec: { names, versions } }) => [
          `ai.abundant.sb.${VERSION}.${names.kind}`,
          versions[0]?.schema.openAPIV3Schema,
        ]),
      ),
    },
  },
  '/api/v1/namespaces/default': { metadata: { name: 'default' } },
  '/api/v1/namespaces/default/resourcequotas': { metadata: {}, items: [] },
  '/api/v1/namespaces/sb-system/configmaps/sb-client': {
    metadata: { name: 'sb-client' },
    data: {
      profile: 'local',
      bucket: 'b',
      region: 'us-east-1',
      endpoint: 'http://127.0.0.1:1',
      operatorVersion: ownVersion(),
    },
  },
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews': { status: { allowed: true } },
});

export async function fixedApi(answers = healthy()): Promise<FixedApi> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const { pathname } = new URL(request.url ?? '/', 'http://server');
      requests.push(`${request.method} ${pathname}`);
      const found = answers[pathname] ?? {
        failure: 404,
        reason: 'NotFound',
        message: `${pathname} not found`,
      };
      const answer = typeof found === 'function' ? found(body) : found;
      const failed =
        'failure' in answer ? (answer as { failure: number; reason: string; message: string }) : undefined;
      response.writeHead(failed?.failure ?? 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(failed ? refusal(failed.failure, failed.reason, failed.message) : answer));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    answers,
    requests,
    kubeconfig: kubeconfigFor(`http://127.0.0.1:${port}`),
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

/** A kubeconfig whose current context `test` is this server. */
export const kubeconfigFor = (server: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [
      { name: 'test', context: { cluster: 'c', user: 'u' } },
      { name: 'elsewhere', context: { cluster: 'c', user: 'u', namespace: 'agents' } },
    ],
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 't' } }],
  });
