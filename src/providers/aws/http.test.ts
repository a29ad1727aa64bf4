import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { s3ArtifactStore } from '../artifact-store/s3.ts';
import type { ProviderError } from '../errors.ts';
import { codebuildImageBuilder } from '../image-builder/codebuild.ts';
import { cloudWatchLog } from '../image-builder/codebuild/log.ts';
import { ecrRepositoryUri } from '../image-registry/ecr.ts';
import { httpWithin } from './http.ts';

const region = 'us-east-1';
const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' };
const timeoutMs = 300;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Each client, and the first call that it makes. */
const CLIENTS: Record<string, (endpoint: string) => Promise<unknown>> = {
  S3: (endpoint) =>
    s3ArtifactStore({ bucket: 'bucket', region, endpoint, credentials, timeoutMs }).get('key', 100),
  ECR: (endpoint) => ecrRepositoryUri({ repository: 'sandboxes', region, endpoint, credentials, timeoutMs }),
  CodeBuild: (endpoint) =>
    codebuildImageBuilder({
      region,
      endpoint,
      credentials,
      timeoutMs,
      platform: 'linux/amd64',
      project: 'build',
      stack: 'sb',
      buildkitImage: 'buildkit',
      baseImageMirrors: {},
    }).states([{ id: 'build:00000000-0000-0000-0000-000000000000', namespace: 'agents' }]),
  'CloudWatch Logs': (endpoint) =>
    cloudWatchLog(
      new CloudWatchLogsClient({
        region,
        endpoint,
        credentials,
        maxAttempts: 1,
        requestHandler: httpWithin(timeoutMs),
      }),
    )('group', 'stream'),
};

/** A load balancer or a NAT gateway that drops a connection says nothing. */
const FAULTS: Record<string, Answer> = {
  'says nothing': () => {},
  'stalls in the body of its answer': (_request, response) => {
    response.writeHead(200, { 'content-length': '50' });
    response.write('{');
  },
};

describe('a call to AWS has its end where the server', () => {
  let server: Server;
  let answer: Answer;
  let endpoint: string;

  before(async () => {
    server = createServer((request, response) => answer(request, response));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  for (const [fault, does] of Object.entries(FAULTS))
    for (const [client, call] of Object.entries(CLIENTS))
      it(`${fault}: ${client}`, async () => {
        answer = does;
        const error = await call(endpoint).catch((caught: ProviderError) => caught);
        expect(error).to.include({ reason: 'Unavailable' });
      });
});
