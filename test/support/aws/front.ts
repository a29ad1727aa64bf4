/**
 * One address for the AWS of the tests, in front of moto and of the registry that keeps the layers: knows who calls, counts, refuses on demand, and is
 * at the same time the HTTP proxy under which BuildKit reaches ECR by its own host name.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Calls } from './calls.ts';
import { CostExplorer } from './cost-explorer.ts';
import { Ecr } from './ecr.ts';
import { answerRegistry, forward } from './ecr-registry.ts';
import { ECR_HOST, LIMITED_HOST } from './facts.ts';
import { askedBy, authorize } from './iam/authorize.ts';
import type { Role } from './iam/roles.ts';
import { Simulator } from './iam/simulator.ts';
import { answerQueryService, queryServiceOf } from './query-services.ts';
import { Sessions } from './sessions.ts';
import { ServiceQuotas } from './service-quotas.ts';
import { answerSts } from './sts.ts';
import { answerJson, AwsError, bodyOf, callAws, parsed, TARGETS, type Service } from './wire.ts';

export interface AwsFront {
  /** `http://host:port`: endpoint of Cost Explorer, ECR, CloudWatch Logs, STS, EC2, IAM, the tagging API, Secrets Manager and Service Quotas, and HTTP proxy. Who comes this way may do everything. */
  url: string;
  /** Opens another address of the same, where everybody is held to the policies of this role; logins that are fetched there, too, wherever they are used. */
  door(role: Role): Promise<string>;
  calls: Calls;
  ecr: Ecr;
  sessions: Sessions;
  quotas: ServiceQuotas;
  bill: CostExplorer;
  simulator: Simulator;
  close(): Promise<void>;
}

export interface TaggedResource {
  ResourceARN: string;
  Tags: { Key: string; Value: string }[];
}

export interface FrontOptions {
  /** Address to listen on; default 127.0.0.1. */
  bind?: string;
  /** moto's URL. */
  moto: string;
  /** `http://host:port` of the registry that keeps layers. */
  registry: string;
  /** What has tags and is not moto's. */
  tagged?: () => TaggedResource[];
}

type Parts = Pick<AwsFront, 'calls' | 'ecr' | 'sessions' | 'quotas' | 'bill' | 'simulator'> &
  Required<Pick<FrontOptions, 'tagged'>> &
  FrontOptions & { role?: Role };

export async function startFront(options: FrontOptions): Promise<AwsFront> {
  const { bind = '127.0.0.1', moto } = options;
  const parts: Parts = {
    ...options,
    calls: new Calls(),
    ecr: new Ecr(moto),
    sessions: new Sessions(),
    quotas: new ServiceQuotas(),
    bill: new CostExplorer(),
    simulator: new Simulator(moto),
    tagged: options.tagged ?? (() => []),
  };
  const servers: Server[] = [];
  const listen = async (role?: Role): Promise<string> => {
    const server = createServer((request, response) => {
      answer({ ...parts, ...(role && { role }) }, request, response).catch((error: unknown) =>
        fail(response, error),
      );
    });
    servers.push(server);
    await once(server.listen(0, bind), 'listening');
    return `http://${bind}:${(server.address() as AddressInfo).port}`;
  };
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(closed));
  };
  const { calls, ecr, sessions, quotas, bill, simulator } = parts;
  return { url: await listen(), door: listen, calls, ecr, sessions, quotas, bill, simulator, close };
}

async function closed(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}

function fail(response: ServerResponse, error: unknown): void {
  const { code, message, status } =
    error instanceof AwsError ? error : new AwsError('InternalFailure', String(error), 500);
  if (response.headersSent) response.destroy();
  else answerJson(response, status, { __type: code, message });
}

async function answer(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { ecr, registry: upstream } = parts;
  // A proxy is asked for whole addresses, a server for paths.
  const url = new URL(request.url ?? '/', 'http://front.invalid');
  const asked = { request, response, path: `${url.pathname}${url.search}` };
  if (url.hostname === LIMITED_HOST) return refuseAll(response);
  const isOther = url.hostname !== 'front.invalid' && url.hostname !== ECR_HOST;
  if (isOther) return forward(url.origin, asked);
  if (url.pathname.startsWith('/v2/')) return answerRegistry({ ecr, upstream }, asked);
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') return answerJson(response, 200, await callService(parts, request, target));
  const service = queryServiceOf(request);
  if (service) return answerQueryService(parts, { request, response, service });
  return answerSts(parts, request, response);
}

const agentOf = ({ headers }: IncomingMessage): string => headers['user-agent'] ?? '';

/** Docker Hub's words to who has pulled too much. */
function refuseAll(response: ServerResponse): void {
  const message =
    'You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit';
  response.writeHead(429, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message }] }));
}

async function callService(parts: Parts, request: IncomingMessage, target: string): Promise<unknown> {
  const [prefix, operation = ''] = target.split('.');
  const service = (Object.keys(TARGETS) as Service[]).find((name) => TARGETS[name] === prefix);
  if (!service) throw new AwsError('UnknownOperationException', target);
  const body = parsed((await bodyOf(request)).toString()) as object;
  const action = `${service}:${operation}`;
  const made = { action, request: body, agent: agentOf(request) };
  return parts.calls.record(made, async () => {
    const { authorization = '', 'x-amz-security-token': token } = request.headers;
    parts.sessions.check(/Credential=([^/]+)/.exec(authorization)?.[1], token as string | undefined);
    authorize(parts.role, askedBy(action, body));
    if (action === 'ecr:GetAuthorizationToken') return parts.ecr.token(parts.role);
    if (service === 'ecr') return parts.ecr.api(operation, body);
    if (service === 'servicequotas') return parts.quotas.call(operation, body);
    if (service === 'ce') return parts.bill.call(operation, body);
    if (action === 'ecr-public:GetAuthorizationToken') return publicToken();
    if (action === 'tag:GetResources')
      return withOwn(parts.tagged, body, await callAws(parts.moto, [service, operation], body));
    return callAws(parts.moto, [service, operation], body);
  });
}

interface Found {
  PaginationToken?: string;
  ResourceTagMappingList?: TaggedResource[];
}

/** What moto finds by tag, and in the last page what it does not have. */
function withOwn(tagged: Parts['tagged'], asked: object, found: Found): object {
  if (found.PaginationToken) return found;
  const { TagFilters = [] } = asked as { TagFilters?: { Key: string; Values?: string[] }[] };
  const own = tagged().filter(({ Tags }) =>
    TagFilters.every(({ Key, Values = [] }) =>
      Tags.some((tag) => tag.Key === Key && (Values.length === 0 || Values.includes(tag.Value))),
    ),
  );
  return { ...found, ResourceTagMappingList: [...(found.ResourceTagMappingList ?? []), ...own] };
}

/** A login at ECR Public, which moto does not know; the layers' registry asks for none. */
const publicToken = (): object => ({
  authorizationData: {
    authorizationToken: Buffer.from('AWS:public').toString('base64'),
    expiresAt: Date.now() / 1000 + 12 * 3600,
  },
});
