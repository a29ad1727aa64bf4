import { expect } from 'chai';
import { json } from 'node:stream/consumers';
import { useScriptedServer } from '../http.ts';
import { batches, cloudWatchLogs } from './cloudwatch.ts';
import { failure, KEY } from './testing.ts';

interface Asked {
  operation: string;
  body: { logEvents?: { message: string; timestamp: number }[]; logGroupName?: string };
}

describe('codebuild service: logs in CloudWatch', () => {
  const server = useScriptedServer();
  let asked: Asked[] = [];
  let refuse: Record<string, string> = {};
  const logs = () => cloudWatchLogs({ region: 'us-east-1', endpoint: server.base, credentials: KEY });
  beforeEach(() => {
    [asked, refuse] = [[], {}];
    server.handle = (request, response) => {
      void json(request).then((body) => {
        const operation = String(request.headers['x-amz-target']).split('.')[1]!;
        asked.push({ operation, body: body as Asked['body'] });
        const error = refuse[operation];
        response.writeHead(error ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' });
        response.end(JSON.stringify(error ? { __type: error } : {}));
      });
    };
  });

  it('makes group and stream, and writes lines with their times, in order', async () => {
    const sink = logs();
    const stream = await sink.open('/aws/codebuild/p', 'uuid');
    stream.write('one', 1_000);
    stream.write('two', 2_000);
    await stream.flush();
    stream.write('three', 3_000);
    await stream.flush();
    sink.close();
    expect(asked.map(({ operation }) => operation)).to.deep.equal([
      'CreateLogGroup',
      'CreateLogStream',
      'PutLogEvents',
      'PutLogEvents',
    ]);
    expect(asked[0]!.body.logGroupName).to.equal('/aws/codebuild/p');
    expect(asked.flatMap(({ body }) => body.logEvents ?? [])).to.deep.equal([
      { message: 'one\n', timestamp: 1_000 },
      { message: 'two\n', timestamp: 2_000 },
      { message: 'three\n', timestamp: 3_000 },
    ]);
  });

  it('writes what waits without being told to', async () => {
    const sink = logs();
    const stream = await sink.open('g', 's');
    stream.write('one', 1_000);
    while (asked.length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
    sink.close();
    expect(asked[2]!.body.logEvents).to.have.length(1);
  });

  it('uses a group that is there, and fails where it may not make one', async () => {
    refuse = { CreateLogGroup: 'ResourceAlreadyExistsException' };
    await logs().open('g', 's');
    refuse = { CreateLogGroup: 'AccessDeniedException' };
    expect((await failure(logs().open('g', 's'))).name).to.equal('AccessDeniedException');
  });

  it('keeps to AWS’s limits of events and bytes in a batch', () => {
    const events = (count: number, length: number) =>
      Array.from({ length: count }, () => ({ message: 'x'.repeat(length), timestamp: 0 }));
    expect(batches([])).to.deep.equal([]);
    expect(batches(events(25_000, 1)).map(({ length }) => length)).to.deep.equal([10_000, 10_000, 5_000]);
    expect(batches(events(9, 2 ** 18 - 26)).map(({ length }) => length)).to.deep.equal([4, 4, 1]);
  });
});
