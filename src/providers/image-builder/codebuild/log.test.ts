import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { ProviderError } from '../../errors.ts';
import { cloudWatchLog, type ReadLog } from './log.ts';

describe('log in CloudWatch', () => {
  let server: Server;
  let answer: { status: number; body: object };
  /** By the token that was asked with. */
  let pages: Record<string, object> | undefined;
  let asked: unknown;
  let readLog: ReadLog;

  before(async () => {
    server = createServer((request, response) => {
      void json(request).then((body) => {
        asked = body;
        response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.1' });
        const { nextToken = '' } = body as { nextToken?: string };
        response.end(JSON.stringify(pages?.[nextToken] ?? answer.body));
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const client = new CloudWatchLogsClient({
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' },
      maxAttempts: 1,
    });
    readLog = cloudWatchLog(client);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it('is read from its end, an event a line or several', async () => {
    answer = { status: 200, body: { events: [{ message: 'a\nb\n' }, { message: 'c' }] } };
    expect(await readLog('/aws/codebuild/p', 's')).to.equal('a\nb\nc\n');
    expect(asked).to.include({ logGroupName: '/aws/codebuild/p', logStreamName: 's', startFromHead: false });
  });

  it('is read on where a page is empty, until its token comes back', async () => {
    answer = { status: 200, body: {} };
    pages = {
      '': { events: [], nextBackwardToken: 'b1' },
      b1: { events: [{ message: 'why' }], nextBackwardToken: 'b2' },
      b2: { events: [], nextBackwardToken: 'b2' },
    };
    expect(await readLog('g', 's')).to.equal('why\n');
    pages = undefined;
  });

  it('is read five pages back at most', async () => {
    answer = { status: 200, body: {} };
    pages = Object.fromEntries(
      ['', '1', '2', '3', '4', '5'].map((token, index) => [
        token,
        { events: [{ message: `${index}` }], nextBackwardToken: `${index + 1}` },
      ]),
    );
    expect(await readLog('g', 's')).to.equal('4\n3\n2\n1\n0\n');
    pages = undefined;
  });

  it('that is refused names the action', async () => {
    answer = { status: 400, body: { __type: 'AccessDeniedException', message: 'no' } };
    const error = await readLog('g', 's').catch((caught: ProviderError) => caught);
    expect(error).to.include({
      reason: 'AccessDenied',
      message:
        'read log-group:g:log-stream:s: AccessDeniedException: no; it needs logs:GetLogEvents on log-group:g:log-stream:s',
    });
  });
});
