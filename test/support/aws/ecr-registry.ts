/** `/v2/` as ECR answers it: logins, refusals in ECR's words, and every manifest that is pushed an image in its API. */
import { createHash } from 'node:crypto';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Ecr } from './ecr.ts';
import { ACCOUNT, ECR_HOST } from './facts.ts';
import { repositoryArn } from './iam/authorize.ts';
import { refusalOf } from './iam/roles.ts';
import { AwsError, bodyOf } from './wire.ts';

export interface EcrRegistry {
  ecr: Ecr;
  /** `http://host:port` of the registry that keeps the layers. */
  upstream: string;
}

/** One request; `path` begins with `/v2/`. */
interface Asked {
  request: IncomingMessage;
  response: ServerResponse;
  path: string;
}

class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Answers one request to the registry. */
export async function answerRegistry(registry: EcrRegistry, asked: Asked): Promise<void> {
  try {
    checkLogin(registry.ecr, asked);
    checkPolicies(registry.ecr, asked);
    await perform(registry, asked);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refuse(asked.response, error);
  }
}

function refuse(response: ServerResponse, { status, code, message }: Refused): void {
  if (status === 401)
    response.setHeader('www-authenticate', `Basic realm="https://${ECR_HOST}/",service="ecr.amazonaws.com"`);
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

const passwordOf = ({ request }: Asked): string =>
  Buffer.from((request.headers.authorization ?? '').replace(/^Basic /, ''), 'base64')
    .toString()
    .replace(/^AWS:/, '');

function checkLogin(ecr: Ecr, asked: Asked): void {
  if (!asked.request.headers.authorization?.startsWith('Basic '))
    throw new Refused(401, 'UNAUTHORIZED', 'Not Authorized');
  const login = ecr.login(passwordOf(asked));
  if (login === 'unknown') throw new Refused(401, 'UNAUTHORIZED', 'Not Authorized');
  if (login === 'expired')
    throw new Refused(403, 'DENIED', 'Your authorization token has expired. Reauthenticate and try again.');
}

/** Requests of the OCI protocol, and the permission that each needs. Source: ECR User Guide, “IAM permissions for pushing” and “… pulling an image”. */
const PERMISSIONS: { method: RegExp; path: RegExp; action: string }[] = [
  { method: /^(GET|HEAD)$/, path: /\/manifests\//, action: 'ecr:BatchGetImage' },
  { method: /^PUT$/, path: /\/manifests\//, action: 'ecr:PutImage' },
  { method: /^POST$/, path: /\/blobs\/uploads\//, action: 'ecr:InitiateLayerUpload' },
  { method: /^PATCH$/, path: /\/blobs\/uploads\//, action: 'ecr:UploadLayerPart' },
  { method: /^PUT$/, path: /\/blobs\/uploads\//, action: 'ecr:CompleteLayerUpload' },
  { method: /^HEAD$/, path: /\/blobs\/sha256:/, action: 'ecr:BatchCheckLayerAvailability' },
  { method: /^GET$/, path: /\/blobs\/sha256:/, action: 'ecr:GetDownloadUrlForLayer' },
];

function checkPolicies(ecr: Ecr, asked: Asked): void {
  const [, repository] = /^\/v2\/(.+?)\/(?:manifests|blobs)\//.exec(asked.path) ?? [];
  const role = ecr.roleOf(passwordOf(asked));
  if (repository === undefined || !role) return;
  const { method = 'GET' } = asked.request;
  const needed = PERMISSIONS.find((one) => one.method.test(method) && one.path.test(asked.path));
  if (!needed) throw new Error(`${method} ${asked.path} has no rule here`);
  const resource = repositoryArn(repository);
  const why = refusalOf(role, { action: needed.action, resource });
  if (why !== undefined) throw new Refused(403, 'DENIED', why);
}

async function perform({ ecr, upstream }: EcrRegistry, asked: Asked): Promise<void> {
  const { method = 'GET' } = asked.request;
  const writes = method !== 'GET' && method !== 'HEAD';
  const [, repository = '', manifest] = /^\/v2\/(.+?)\/(?:manifests\/([^?]*)|blobs\/)/.exec(asked.path) ?? [];
  if (writes) checkPush(ecr, repository);
  if (manifest === undefined) return forward(upstream, asked);
  if (method === 'PUT') return putManifest({ ecr, upstream }, asked, { repository, reference: manifest });
  if (!manifest.startsWith('sha256:')) await mustBeKnown(ecr, repository, manifest);
  return forward(upstream, asked);
}

function checkPush(ecr: Ecr, repository: string): void {
  const action = 'ecr:InitiateLayerUpload';
  if (ecr.closed.has(repository))
    throw new Refused(
      403,
      'DENIED',
      `User: arn:aws:sts::${ACCOUNT}:assumed-role/abundant-sb-codebuild/build is not authorized to perform: ${action} on resource: ` +
        `arn:aws:ecr:us-east-1:${ACCOUNT}:repository/${repository} because no identity-based policy allows the ${action} action`,
    );
}

/** The layers' registry outlives the account: only what was pushed into this one is there. */
async function mustBeKnown(ecr: Ecr, repositoryName: string, imageTag: string): Promise<void> {
  const { images } = await asRegistry(ecr.tagged(repositoryName, imageTag));
  if (images.length === 0) throw new Refused(404, 'MANIFEST_UNKNOWN', 'Requested image not found');
}

async function putManifest(
  { ecr, upstream }: EcrRegistry,
  asked: Asked,
  { repository, reference }: { repository: string; reference: string },
): Promise<void> {
  const body = await bodyOf(asked.request);
  const imageDigest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
  const mediaType = asked.request.headers['content-type'] ?? '';
  const image = { imageDigest, imageTag: reference, manifest: body.toString(), mediaType };
  if (!reference.startsWith('sha256:')) await asRegistry(ecr.put(repository, image));
  await forward(upstream, asked, body);
}

/** ECR's refusals in the registry's protocol. */
async function asRegistry<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.code === 'ImageTagAlreadyExistsException') throw new Refused(400, 'TAG_INVALID', error.message);
    if (error.code === 'RepositoryNotFoundException') throw new Refused(404, 'NAME_UNKNOWN', error.message);
    throw error;
  }
}

/** Hands a request on as it is, host and all, so that addresses in the answer are right; `body` where it was read already. */
export async function forward(
  base: string,
  { request, response, path }: Asked,
  body?: Buffer,
): Promise<void> {
  const { authorization: _, 'proxy-connection': __, ...headers } = request.headers;
  const onward = httpRequest(new URL(path, base), { method: request.method ?? 'GET', headers });
  const answered = new Promise<IncomingMessage>((resolve, reject) =>
    onward.once('response', resolve).once('error', reject),
  );
  if (body === undefined) await pipeline(request, onward).catch(() => {});
  else onward.end(body);
  const answer = await answered;
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  await pipeline(answer, response).catch(() => {});
}
