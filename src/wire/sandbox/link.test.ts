import { expect } from 'chai';
import fc from 'fast-check';
import { BadFrame } from '../hand/bodies.ts';
import { PAYLOAD_MAX } from '../hand/frames.ts';
import { frameCutter, greeting, isOwn, Link, LINK_TYPES, rawFrame, readGreeting } from './link.ts';

/** One end, and what has arrived there. */
class End {
  readonly arrived: Buffer[] = [];
  rooms = 0;
  readonly link: Link;

  constructor(max?: number) {
    const events = { onFrame: (frame: Buffer) => this.arrived.push(frame), onRoom: () => (this.rooms += 1) };
    this.link = new Link(events, max);
  }
}

/** Bytes on their way to one end. They are delivered in any pieces, and what has not been when the connection breaks is lost. */
class Pipe {
  #bytes = Buffer.alloc(0);
  readonly #cut: (chunk: Uint8Array) => void;

  constructor(to: End) {
    this.#cut = frameCutter((frame) => to.link.take(frame));
  }

  readonly write = (frame: Buffer): void => {
    this.#bytes = Buffer.concat([this.#bytes, frame]);
  };

  get waiting(): number {
    return this.#bytes.length;
  }

  deliver(count: number): void {
    const piece = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    this.#cut(piece);
  }
}

/** Two ends, and one connection after another between them. */
class World {
  readonly program: End;
  readonly courier: End;
  #toCourier: Pipe;
  #toProgram: Pipe;

  constructor(max?: number) {
    this.program = new End(max);
    this.courier = new End(max);
    this.#toCourier = new Pipe(this.courier);
    this.#toProgram = new Pipe(this.program);
    this.reconnect();
  }

  reconnect(): void {
    for (const { link } of [this.program, this.courier]) link.disconnect();
    this.#toCourier = new Pipe(this.courier);
    this.#toProgram = new Pipe(this.program);
    // As the greetings say it: both before anything else is sent.
    const [ofProgram, ofCourier] = [this.program.link.received, this.courier.link.received];
    this.courier.link.connect(this.#toProgram.write, ofProgram);
    this.program.link.connect(this.#toCourier.write, ofCourier);
  }

  deliver(to: 'courier' | 'program', count: number): void {
    (to === 'courier' ? this.#toCourier : this.#toProgram).deliver(count);
  }

  deliverAll(): void {
    while (this.#toCourier.waiting + this.#toProgram.waiting > 0)
      for (const pipe of [this.#toCourier, this.#toProgram]) pipe.deliver(pipe.waiting);
  }
}

const numbered = (count: number, bytes: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => rawFrame(5, index + 1, Buffer.alloc(bytes, index)));

describe('a link', () => {
  it('brings every frame once and in order, wherever connections break', () => {
    const payload = fc.uint8Array({ maxLength: 40 });
    const act = fc.oneof(
      fc.record({
        act: fc.constant('send'),
        by: fc.constantFrom('courier' as const, 'program' as const),
        payload,
      }),
      fc.record({
        act: fc.constant('deliver'),
        to: fc.constantFrom('courier' as const, 'program' as const),
        count: fc.nat({ max: 60 }),
      }),
      fc.record({ act: fc.constant('break') }),
      fc.record({ act: fc.constant('ping'), by: fc.constantFrom('courier' as const, 'program' as const) }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
        const world = new World();
        const sent = { courier: [] as Buffer[], program: [] as Buffer[] };
        for (const one of acts) {
          if ('payload' in one) {
            const frame = rawFrame(5, sent[one.by].length, one.payload);
            sent[one.by].push(frame);
            world[one.by].link.send(frame);
          } else if ('count' in one) world.deliver(one.to, one.count);
          else if ('by' in one) world[one.by].link.ping();
          else world.reconnect();
        }
        world.reconnect();
        world.deliverAll();
        expect(world.courier.arrived).to.deep.equal(sent.program);
        expect(world.program.arrived).to.deep.equal(sent.courier);
      }),
      { numRuns: 500 },
    );
  });

  it('brings every frame once where the connection breaks after each single byte', () => {
    const frames = numbered(6, 7);
    const whole = 6 * frames[0]!.length;
    for (let first = 0; first <= whole; first += 1)
      for (const second of [0, 1, 8, 9, 15, 16, 17]) {
        const world = new World();
        for (const frame of frames) world.program.link.send(frame);
        world.deliver('courier', first);
        world.reconnect();
        world.deliver('courier', second);
        world.reconnect();
        world.deliverAll();
        expect(world.courier.arrived, `${first}, ${second}`).to.deep.equal(frames);
      }
  });

  it('keeps what is sent without a connection', () => {
    const world = new World();
    for (const { link } of [world.program, world.courier]) link.disconnect();
    const frames = numbered(3, 5);
    for (const frame of frames) world.courier.link.send(frame);
    expect(world.courier.link.isConnected()).to.equal(false);
    world.reconnect();
    world.deliverAll();
    expect(world.program.arrived).to.deep.equal(frames);
  });

  it('takes nothing of a connection that was given up', () => {
    const world = new World();
    world.courier.link.disconnect();
    world.courier.link.take(rawFrame(5, 1, Buffer.alloc(3)));
    expect(world.courier.link.received).to.equal(0);
    expect(world.courier.arrived).to.deep.equal([]);
  });

  it('lets go what the other side has, after so many bytes or frames, or half a second', async () => {
    const world = new World();
    const { link } = world.courier;
    for (const frame of numbered(5, 60_000)) link.send(frame);
    expect(link.unacknowledged).to.be.greaterThan(300_000);
    world.deliverAll();
    expect(link.unacknowledged).to.equal(0);
    for (const frame of numbered(256, 1)) link.send(frame);
    world.deliverAll();
    expect(link.unacknowledged).to.equal(0);
    link.send(rawFrame(5, 1, Buffer.alloc(1)));
    world.deliverAll();
    expect(link.unacknowledged).to.be.greaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 600));
    world.deliverAll();
    expect(link.unacknowledged).to.equal(0);
  });

  it('lets a good-bye go at once: whoever says it ends then', () => {
    const world = new World();
    const { link } = world.courier;
    link.send(rawFrame(18, 0, Buffer.from('{"event":"stopping"}')));
    world.deliverAll();
    expect(link.unacknowledged).to.equal(0);
  });

  it('is full at its limit, tiny frames counted with what they cost, and says when it has room', () => {
    const world = new World(64 * 1024);
    const { link } = world.courier;
    let sent = 0;
    for (; !link.isFull(); sent += 1) link.send(rawFrame(6, 1, Buffer.alloc(1)));
    expect(sent).to.be.lessThan(600);
    expect(world.courier.rooms).to.equal(0);
    world.deliverAll();
    expect(link.isFull()).to.equal(false);
    expect(world.courier.rooms).to.equal(1);
  });

  it('refuses a side that counts what was never sent', () => {
    const { link } = new End();
    expect(() => link.connect(() => {}, 1)).to.throw(BadFrame);
    link.connect(() => {}, 0);
    link.send(rawFrame(5, 1, Buffer.alloc(1)));
    const ack = (count: bigint): Buffer => {
      const payload = Buffer.alloc(8);
      payload.writeBigUInt64LE(count);
      return rawFrame(LINK_TYPES.ack, 0, payload);
    };
    for (const count of [2n, 2n ** 64n - 1n]) expect(() => link.take(ack(count))).to.throw(BadFrame);
    link.take(ack(1n));
    expect(() => link.take(ack(0n))).to.throw(BadFrame);
    expect(() => link.take(rawFrame(LINK_TYPES.ack, 0, Buffer.alloc(7)))).to.throw(BadFrame);
  });

  it('answers a ping, and does not count its own frames', () => {
    const world = new World();
    const said: number[] = [];
    world.program.link.connect((frame) => said.push(frame.readUInt8(4)), 0);
    world.program.link.take(rawFrame(LINK_TYPES.ping, 0, Buffer.alloc(0)));
    world.program.link.take(rawFrame(LINK_TYPES.pong, 0, Buffer.alloc(0)));
    world.program.link.take(rawFrame(99, 0, Buffer.alloc(4)));
    expect(said).to.deep.equal([LINK_TYPES.pong]);
    expect(world.program.link.received).to.equal(0);
  });
});

describe('greetings of a link', () => {
  const session = { id: 'a', secret: 'b' };

  it('say what they were given', () => {
    const hello = { major: 1, minor: 0, session, received: 7 };
    expect(readGreeting('hello', greeting('hello', hello))).to.deep.equal(hello);
    const fresh = { major: 1, minor: 0, received: 0 };
    expect(readGreeting('hello', greeting('hello', fresh))).to.deep.equal(fresh);
    const refused = { reason: 'SessionUnknown' as const, message: 'gone' };
    expect(readGreeting('refused', greeting('refused', refused))).to.deep.equal(refused);
    expect(isOwn(greeting('refused', refused))).to.equal(true);
  });

  it('are nothing else', () => {
    const bodies = [
      {},
      [],
      1,
      { major: 1, minor: 0, received: -1 },
      { major: 1, minor: 0, received: 0, session: {} },
    ];
    for (const body of bodies) {
      const frame = rawFrame(LINK_TYPES.hello, 0, Buffer.from(JSON.stringify(body)));
      expect(() => readGreeting('hello', frame), JSON.stringify(body)).to.throw(BadFrame);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat({ max: 255 }), (payload, type) => {
        expect(() => readGreeting('welcome', rawFrame(type, 0, payload))).to.throw(BadFrame);
      }),
    );
    expect(() =>
      readGreeting('welcome', greeting('hello', { major: 1, minor: 0, received: 0, session })),
    ).to.throw(BadFrame);
  });
});

describe('the cutter of frames', () => {
  it('cuts the same frames out of any pieces, each in memory of its own', () => {
    const frame = fc.tuple(fc.nat({ max: 255 }), fc.nat({ max: 9 }), fc.uint8Array({ maxLength: 90 }));
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.integer({ min: 1, max: 50 })), (all, sizes) => {
        const frames = all.map(([type, stream, payload]) => rawFrame(type, stream, payload));
        const cut: Buffer[] = [];
        const take = frameCutter((one) => cut.push(one));
        const bytes = Buffer.concat(frames);
        let at = 0;
        for (const size of sizes) {
          const chunk = Buffer.from(bytes.subarray(at, at + size));
          take(chunk);
          chunk.fill(0xff);
          at += chunk.length;
        }
        take(bytes.subarray(at));
        expect(cut).to.deep.equal(frames);
      }),
    );
  });

  it('refuses a frame that is too long, and takes nothing after it', () => {
    const head = Buffer.alloc(9);
    head.writeUInt32LE(PAYLOAD_MAX + 1);
    const take = frameCutter(() => expect.fail('no frame is there'));
    expect(() => take(head)).to.throw(BadFrame, 'too long');
    expect(() => take(Buffer.alloc(1))).to.throw(BadFrame);
  });
});
