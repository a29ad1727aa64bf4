import { expect } from 'chai';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { SANDBOX_PORT } from './names.ts';
import { asUser, BadRequest, readRequest, runRequest } from './requests.ts';
import type { StartRequest } from './requests.ts';

/** sbd refuses the same. */
const vectors = JSON.parse(readFileSync(new URL('../hand/vectors.json', import.meta.url), 'utf8')) as {
  badConnectRequests: { line: string }[];
};

const read = (request: unknown): object => readRequest(Buffer.from(JSON.stringify(request)));
const defaults = { user: 'agent', workdir: '/app', env: { A: '1', B: '2' } };

describe('what a program may ask of a Sandbox', () => {
  const good = [
    { op: 'run', id: 'a.b_c-1', argv: ['id'] },
    {
      op: 'run',
      id: 'a',
      command: '',
      user: '1:2',
      workdir: '/',
      env: { A: '' },
      stdin: true,
      pty: { rows: 1, columns: 2 },
      stdout: 'null',
      stderr: 'stdout',
      timeoutMs: 1,
      ending: { scope: 'strict', graceMs: 0 },
    },
    { op: 'attach', id: 'a', output: 0, error: 5, observe: true },
    { op: 'commands' },
    { op: 'end', id: 'a', scope: 'session', graceMs: 5000 },
    { op: 'read', path: '/x', user: 'u', offset: 1, length: 2 },
    { op: 'write', path: '/x', mode: 0o755, owner: 0, group: 0 },
    { op: 'stat', path: '/x' },
    { op: 'list', path: '/x', max: 5 },
    { op: 'remove', path: '/x', recursive: true },
    { op: 'mkdir', path: '/x', mode: 0o700, owner: 1, parents: true, fresh: false },
    { op: 'untar', path: '/x', owner: 1, maxBytes: 1, maxEntries: 1 },
    { op: 'tar', path: '/x', maxBytes: 1, maxEntries: 1 },
    { op: 'connect', port: 1 },
    { op: 'connect', port: 65_535, user: 'agent' },
  ];
  for (const request of good)
    it(`is ${JSON.stringify(request)}`, () => expect(read(request)).to.deep.equal(request));

  const run = { op: 'run', id: 'a', argv: ['id'] };
  const bad: unknown[] = [
    ...['halt', 'resume', 'freeze', 'exit', 'check', 'links', 'copy', 'watch', 'toString', 5].map((op) => ({
      op,
      path: '/x',
    })),
    null,
    [],
    { ...run, id: 'a/b' },
    { ...run, id: '' },
    { ...run, id: 'sb-entrypoint' },
    { ...run, id: 'x'.repeat(65) },
    { ...run, argv: [] },
    { ...run, argv: ['', 'x'] },
    { ...run, argv: ['a\0'] },
    { ...run, argv: 'id' },
    { ...run, command: 'id' },
    { op: 'run', id: 'a' },
    { ...run, env: { 'A=B': '1' } },
    { ...run, env: { A: 1 } },
    { ...run, env: { '': '1' } },
    { ...run, workdir: 'app' },
    { ...run, pty: { rows: 1 } },
    { ...run, pty: { rows: 1, columns: 70_000 } },
    { ...run, stdout: 'log' },
    { ...run, stdout: { file: '/x' } },
    { ...run, stderr: 'log' },
    { ...run, timeoutMs: 0 },
    { ...run, timeoutMs: 1e14 },
    { ...run, ending: { scope: 'session', graceMs: 600_001 } },
    ...['marks', 'launchers', 'interpreter', 'name', 'limits', 'umask', '__proto__x'].map((field) => ({
      ...run,
      [field]: true,
    })),
    { op: 'attach', id: 'a', output: -1 },
    { op: 'end', id: 'a', scope: 'everybody', graceMs: 1 },
    { op: 'end', id: 'sb-entrypoint', scope: 'strict', graceMs: 1 },
    { op: 'stat', path: 'x' },
    { op: 'stat', path: `/${'x'.repeat(5000)}` },
    { op: 'write', path: '/x', mode: 0o10000 },
    { op: 'list', path: '/x', max: 0 },
    ...['host', 'address', 'path', 'localPort'].map((field) => ({
      op: 'connect',
      port: 80,
      [field]: '10.0.0.1',
    })),
    { op: 'connect', port: SANDBOX_PORT },
    ...vectors.badConnectRequests.map(({ line }) => JSON.parse(line) as unknown),
  ];
  for (const request of bad)
    it(`is not ${JSON.stringify(request)?.slice(0, 100)}`, () => {
      expect(() => read(request)).to.throw(BadRequest);
    });

  it('is no other text, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((json) => Buffer.from(json)),
        ),
        (bytes) => {
          expect(() => readRequest(bytes)).to.throw(BadRequest);
        },
      ),
    );
  });
});

describe('a request for a connection', () => {
  it('names a port and perhaps a user, and nothing else, whatever it is', () => {
    const port = fc.oneof(fc.anything(), fc.integer({ min: -5, max: 70_000 }), fc.constant(SANDBOX_PORT));
    const request = fc.record(
      { port, user: fc.constantFrom('agent', '0'), host: fc.string(), address: fc.ipV4() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(request, (fields) => {
        try {
          const taken = readRequest(Buffer.from(JSON.stringify({ op: 'connect', ...fields }, plainValue)));
          expect(taken).not.to.have.any.keys('host', 'address');
          expect((taken as { port: number }).port)
            .to.be.within(1, 65_535)
            .and.not.equal(SANDBOX_PORT);
        } catch (error) {
          expect(error).to.be.instanceOf(BadRequest);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

const plainValue = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? Number(value) : value;

describe('what sbd is asked for in its place', () => {
  const start: StartRequest = { op: 'run', id: 'a', argv: ['id'], env: { B: '3' }, stdin: true };

  it('has the Sandbox’s own user, directory and variables beneath the request’s', () => {
    expect(runRequest(start, defaults)).to.deep.equal({
      op: 'run',
      id: 'a',
      argv: ['id'],
      stdin: true,
      user: 'agent',
      workdir: '/app',
      env: { A: '1', B: '3' },
    });
    expect(runRequest({ ...start, user: 'root', workdir: '/' }, defaults)).to.include({
      user: 'root',
      workdir: '/',
    });
  });

  it('runs a text by the image’s bash, else its sh', () => {
    expect(runRequest({ op: 'run', id: 'a', command: 'a | b' }, defaults)).to.deep.include({
      argv: ['a | b'],
      launchers: [
        ['/bin/bash', '-c'],
        ['/bin/sh', '-c'],
      ],
    });
  });

  it('works with files as the Sandbox’s user, or another', () => {
    const stat = { op: 'stat', path: '/x' } as const;
    expect(asUser(stat, defaults)).to.deep.equal({ ...stat, user: 'agent' });
    expect(asUser({ ...stat, user: '0' }, defaults)).to.deep.equal({ ...stat, user: '0' });
  });
});
