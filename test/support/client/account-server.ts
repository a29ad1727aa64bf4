/** An account of AWS over HTTP for `sb` as a whole: STS, IAM and EC2 with checked signatures, EKS, tags, and the little of S3, ECR and Logs that `sb cloud` asks. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ACCOUNT, CREDENTIALS, REGION } from '../aws/facts.ts';
import { text } from 'node:stream/consumers';
import { ServiceQuotas } from '../aws/service-quotas.ts';
import { AwsError } from '../cloudformation/errors.ts';
import type { CloudFormationService } from '../cloudformation/index.ts';
import { answerFault, readQuery, xmlOf } from '../cloudformation/wire.ts';
import { authenticate } from '../codebuild/signature.ts';
import { startFormation, type CloudWorld } from './cloud-world.ts';

export interface AccountServer {
  /** Endpoint of every service but CloudFormation. */
  url: string;
  formation: CloudFormationService;
  things: CloudWorld['things'];
  /** The installation's bucket has an object. */
  bucket: boolean;
  /** Refuses calls by their action, such as `iam:GetRole`. */
  denied: Set<string>;
  /** As `GetCallerIdentity` says it. */
  arn: string;
  /** Of the account. */
  quotas: ServiceQuotas;
  /** Every call but those of CloudFormation: `ec2:DescribeSubnets`. */
  calls: string[];
  close(): Promise<void>;
}

export async function accountServer(): Promise<AccountServer> {
  const { formation, things } = await startFormation();
  const http = createServer((request, response) => void answer(server, request, response));
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const server: AccountServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    formation,
    things,
    bucket: false,
    denied: new Set(),
    arn: `arn:aws:iam::${ACCOUNT}:user/admin`,
    quotas: new ServiceQuotas(),
    calls: [],
    async close() {
      http.closeAllConnections();
      http.close();
      await formation.close();
    },
  };
  return server;
}

async function answer(
  server: AccountServer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = new URL(request.url ?? '/', server.url);
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') return answerJson(server, request, { target, response });
  if (path.pathname.startsWith('/clusters/')) return describeCluster(server, path.pathname, response);
  if (request.method === 'POST' && path.pathname === '/') return answerQueries(server, request, response);
  answerS3(server, path, response);
}

const json = (response: ServerResponse, status: number, body: object): void =>
  void response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));

async function answerJson(
  server: AccountServer,
  request: IncomingMessage,
  { target, response }: { target: string; response: ServerResponse },
): Promise<void> {
  const [service = '', action = ''] = target.split('.');
  server.calls.push(action);
  try {
    json(response, 200, resultOf(server, { service, action }, JSON.parse(await text(request)) as object));
  } catch (error) {
    const { code, message, status } = error as AwsError;
    json(response, status, { __type: code, message });
  }
}

function resultOf(
  { things, quotas, denied }: AccountServer,
  { service, action }: { service: string; action: string },
  asked: object,
): object {
  if (denied.has(action)) throw new AwsError('AccessDeniedException', `not authorized to perform: ${action}`);
  if (service.startsWith('ServiceQuotas')) return quotas.call(action, asked);
  if (action === 'GetResources') return { ResourceTagMappingList: [] };
  if (action !== 'BatchGetProjects') return {};
  const { names } = asked as { names: string[] };
  const environment = { type: 'LINUX_CONTAINER', computeType: 'BUILD_GENERAL1_MEDIUM' };
  const made = things.filter(({ type }) => type === 'AWS::CodeBuild::Project');
  return {
    projects: made
      .filter(({ physicalId }) => names.includes(physicalId))
      .map(({ physicalId }) => ({ name: physicalId, environment })),
  };
}

function describeCluster({ things, calls }: AccountServer, path: string, response: ServerResponse): void {
  calls.push('eks:DescribeCluster');
  const name = path.split('/').at(-1) ?? '';
  const found = things.some(({ type, physicalId }) => type === 'AWS::EKS::Cluster' && physicalId === name);
  if (!found)
    return json(response, 404, { __type: 'ResourceNotFoundException', message: 'No cluster found' });
  const arn = `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/${name}`;
  const certificateAuthority = { data: 'Y2E=' };
  json(response, 200, {
    cluster: {
      name,
      arn,
      status: 'ACTIVE',
      version: '1.35',
      endpoint: 'https://cluster.test',
      certificateAuthority,
    },
  });
}

/** Results of the query protocol, by action; the service follows from it. */
const ANSWERS: Record<string, (server: AccountServer, asked: Record<string, unknown>) => object> = {
  'sts:GetCallerIdentity': ({ arn }) => ({ GetCallerIdentityResult: { Arn: arn, Account: ACCOUNT } }),
  'iam:GetRole': (_, { RoleName: name }) => ({
    GetRoleResult: { Role: { Arn: `arn:aws:iam::${ACCOUNT}:role/with/path/${String(name)}` } },
  }),
  'ec2:DescribeAvailabilityZones': () => ({
    availabilityZoneInfo: {
      item: { zoneName: 'us-east-1a', zoneId: 'use1-az1' },
      // EKS has no control plane there.
      'item ': { zoneName: 'us-east-1b', zoneId: 'use1-az3' },
      'item  ': { zoneName: 'us-east-1c', zoneId: 'use1-az4' },
      'item   ': { zoneName: 'us-east-1d', zoneId: 'use1-az6' },
    },
  }),
  'ec2:DescribeSubnets': () => ({
    subnetSet: {
      item: {
        subnetId: 'subnet-00000001',
        availabilityZone: 'us-east-1a',
        mapPublicIpOnLaunch: 'false',
        tagSet: { item: { key: 'kubernetes.io/role/internal-elb', value: '1' } },
      },
    },
  }),
};

async function answerQueries(
  server: AccountServer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const wire = await readQuery(request);
  const action = Object.keys(ANSWERS).find((one) => one.endsWith(`:${wire.action}`)) ?? '';
  server.calls.push(action);
  try {
    authenticate(wire, {
      region: REGION,
      service: action.split(':')[0] ?? '',
      known: [CREDENTIALS],
      now: Date.now(),
    });
    if (server.denied.has(action))
      throw new AwsError('AccessDenied', `User: ${server.arn} is not authorized to perform: ${action}`, 403);
    const result = ANSWERS[action]?.(server, wire.members) ?? {};
    response.writeHead(200, { 'content-type': 'text/xml' });
    // Names that differ by blanks are one element that is there several times.
    response.end(`<Response>${xmlOf(result).replaceAll(/(<\/?item) +>/g, '$1>')}</Response>`);
  } catch (error) {
    answerFault(response, 'https://sts.amazonaws.com/doc/2011-06-15/', error as AwsError);
  }
}

function answerS3({ bucket }: AccountServer, { searchParams }: URL, response: ServerResponse): void {
  const xml = (status: number, body: string): void =>
    void response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
  if (!bucket) return xml(404, '<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>');
  const version = '<Version><Key>a</Key><VersionId>1</VersionId></Version>';
  xml(
    200,
    searchParams.has('versions') ? `<ListVersionsResult>${version}</ListVersionsResult>` : '<Result/>',
  );
}

/** Gives this process variables, until the returned function is called. */
export function withVariables(variables: Readonly<Record<string, string>>): () => void {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  return () => {
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, before);
  };
}
