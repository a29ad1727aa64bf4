import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { BadFrame } from './bodies.ts';
import { DATA_MAX, decodeFrame, encodeFrame, frameReader, openFrames, PAYLOAD_MAX } from './frames.ts';
import type { Frame } from './frames.ts';
import { LIMITS, REASONS, REQUEST_MAX, SIGNAL_SCOPES } from './protocol.ts';
import type { ConnectRequest, Request } from './protocol.ts';
import { readWatchEvent } from './watch-events.ts';

interface Vectors {
  good: { hex: string; frame: Record<string, unknown> }[];
  bad: { what: string; hex: string }[];
  skipped: { what: string; hex: string }[];
  connectRequests: { line: string; request: ConnectRequest }[];
  watchRequests: { line: string; request: Extract<Request, { op: 'watch' }> }[];
  watchEvents: { line: string; event: Record<string, unknown> }[];
  badWatchEvents: { what: string; line: string }[];
}

/** `go test` reads the same file. */
const vectors = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8')) as Vectors;

const plain = (frame: Frame | undefined): object | undefined =>
  frame && 'bytes' in frame ? { ...frame, bytes: Buffer.from(frame.bytes).toString('hex') } : frame;

const readAll = (...chunks: Uint8Array[]): Frame[] => {
  const frames: Frame[] = [];
  const read = frameReader((frame) => frames.push(frame));
  for (const chunk of chunks) read(chunk);
  return frames;
};

const stream = fc.nat({ max: 2 ** 32 - 1 });
const channel = fc.constantFrom(0 as const, 1 as const, 2 as const);
const offset = fc.maxSafeNat();
const bytes = fc.uint8Array({ maxLength: 300 });
const hex64 = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((value) => Buffer.from(value).toString('hex'));
const short = fc.nat({ max: 65_535 });

const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ type: fc.constant('data' as const), stream, channel, offset, bytes }),
  fc.record({
    type: fc.constantFrom('open' as const, 'openPart', 'ping', 'pong'),
    stream,
    bytes,
  }) as fc.Arbitrary<Frame>,
  fc.record({ type: fc.constant('credit' as const), stream, channel, upTo: offset }),
  fc.record({ type: fc.constant('eof' as const), stream, channel, total: offset }),
  fc.record({ type: fc.constant('resize' as const), stream, rows: short, columns: short }),
  fc.record({
    type: fc.constant('signal' as const),
    stream,
    signal: fc.integer({ min: 1, max: 64 }),
    scope: fc.constantFrom(...SIGNAL_SCOPES),
  }),
  fc.record({ type: fc.constantFrom('close' as const, 'connected'), stream }) as fc.Arbitrary<Frame>,
  fc.record({ type: fc.constant('proof' as const), stream, body: fc.record({ proof: hex64 }) }),
  fc.record({
    type: fc.constant('error' as const),
    stream,
    body: fc.record({
      reason: fc.constantFrom(...(Object.keys(REASONS) as (keyof typeof REASONS)[])),
      message: fc.string({ maxLength: 200, unit: 'grapheme' }),
    }),
  }),
);

/** The same bytes in other pieces. */
const pieces = (whole: Buffer, cuts: number[]): Buffer[] => {
  const at = [...new Set([0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length])].toSorted(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, index) => whole.subarray(at[index], end));
};

describe('frames between courier and sbd', () => {
  it('are what the vectors say, both ways', () => {
    for (const { hex, frame } of vectors.good) {
      const read = decodeFrame(Buffer.from(hex, 'hex'));
      expect(plain(read)).to.deep.equal(frame);
      if (read) expect(encodeFrame(read).toString('hex')).to.equal(hex);
    }
  });

  for (const { what, hex } of vectors.bad)
    it(`are refused: ${what}`, () => {
      expect(() => readAll(Buffer.from(hex, 'hex'))).to.throw(BadFrame);
    });

  it('of a type that is not known are skipped', () => {
    for (const { hex } of vectors.skipped) expect(readAll(Buffer.from(hex, 'hex'))).to.deep.equal([]);
  });

  it('are the same after the way, in whatever pieces they arrive', () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (frames, cuts) => {
          const whole = Buffer.concat(frames.map(encodeFrame));
          expect(readAll(...pieces(whole, cuts)).map(plain)).to.deep.equal(frames.map(plain));
        },
      ),
    );
  });

  it('are refused with BadFrame and nothing else, whatever the bytes are', () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc
        .tuple(fc.nat({ max: 255 }), fc.uint8Array({ maxLength: 200 }))
        .map(([type, payload]) => Buffer.concat([headOf(payload.length, type), payload])),
      fc
        .tuple(fc.constantFrom(1, 2, 3, 10, 11, 15, 16, 18), fc.json())
        .map(([type, text]) => Buffer.concat([headOf(Buffer.byteLength(text), type), Buffer.from(text)])),
    );
    fc.assert(
      fc.property(garbage, (value) => {
        try {
          readAll(value);
        } catch (error) {
          expect(error).to.be.instanceOf(BadFrame);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('are not read on after one that was broken', () => {
    const read = frameReader(() => expect.fail());
    expect(() => read(headOf(PAYLOAD_MAX + 1, 5))).to.throw(BadFrame);
    expect(() => read(encodeFrame({ type: 'close', stream: 1 }))).to.throw(BadFrame);
  });

  it('are no longer than 64 KiB', () => {
    const frame = (length: number): Frame => ({
      type: 'data',
      stream: 1,
      channel: 1,
      offset: 0,
      bytes: Buffer.alloc(length),
    });
    expect(encodeFrame(frame(DATA_MAX))).to.have.length(PAYLOAD_MAX + 9);
    expect(() => encodeFrame(frame(DATA_MAX + 1))).to.throw(BadFrame);
  });
});

const headOf = (length: number, type: number): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(length, 0);
  head.writeUInt8(type, 4);
  return head;
};

describe('a request', () => {
  const request = (length: number) => ({ op: 'run' as const, id: 'a', argv: ['x'.repeat(length)] });

  it('goes in as many frames as it needs', () => {
    const frames = openFrames(3, request(200_000));
    expect(frames.map(({ type }) => type)).to.deep.equal(['openPart', 'openPart', 'openPart', 'open']);
    const text = Buffer.concat(frames.map((frame) => ('bytes' in frame ? frame.bytes : Buffer.alloc(0))));
    expect(JSON.parse(text.toString())).to.deep.equal(request(200_000));
  });

  it('is refused where it is beyond all measure', () => {
    expect(() => openFrames(3, request(REQUEST_MAX))).to.throw(BadFrame);
  });

  it('for a connection is as the vectors say', () => {
    for (const { line, request: connect } of vectors.connectRequests) {
      const [frame] = openFrames(1, connect);
      expect(frame && 'bytes' in frame && Buffer.from(frame.bytes).toString()).to.equal(line);
    }
  });
});

describe('what a watch says', () => {
  it('is asked for as the vectors say', () => {
    for (const { line, request } of vectors.watchRequests) {
      const [frame] = openFrames(1, request);
      expect(frame && 'bytes' in frame && Buffer.from(frame.bytes).toString()).to.equal(line);
    }
  });

  it('is read as the vectors say', () => {
    for (const { line, event } of vectors.watchEvents)
      expect(readWatchEvent(Buffer.from(line))).to.deep.equal(event);
  });

  for (const { what, line } of vectors.badWatchEvents)
    it(`is refused: ${what}`, () => {
      expect(() => readWatchEvent(Buffer.from(line))).to.throw(BadFrame);
    });

  it('is refused with BadFrame and nothing else, whatever it is', () => {
    const line = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .record({ event: fc.constantFrom('created', 'moved', 'ended', 'x'), path: fc.anything() })
        .map((event) => Buffer.from(JSON.stringify(event, (_key, value: unknown) => plainValue(value)))),
    );
    fc.assert(
      fc.property(line, (value) => {
        try {
          readWatchEvent(value);
        } catch (error) {
          expect(error).to.be.instanceOf(BadFrame);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

const plainValue = (value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

describe('the words that both languages share', () => {
  const go = readFileSync(new URL('../../../sbd/messages.go', import.meta.url), 'utf8');

  it('are the same in Go', () => {
    for (const word of [...Object.keys(REASONS), ...LIMITS, ...SIGNAL_SCOPES])
      expect(go).to.include(`"${word}"`);
    const reasons = [...go.matchAll(/^\t\w+ +reason = "(\w+)"/gm)].map(([, name]) => name);
    expect(reasons).to.have.members(Object.keys(REASONS));
  });

  it('are the same in the documentation', () => {
    const [, page = ''] = readFileSync(
      new URL('../../../docs/hand-protocol.md', import.meta.url),
      'utf8',
    ).split('## Reasons');
    const rows = [...page.matchAll(/^\| `(\w+)` +\| (.*?) +\|$/gm)].map(([, reason, meaning]) => [
      reason,
      meaning,
    ]);
    expect(rows).to.deep.equal(Object.entries(REASONS));
  });
});
