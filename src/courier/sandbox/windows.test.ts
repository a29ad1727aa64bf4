import { expect } from 'chai';
import { encodeFrame } from '../../wire/hand/frames.ts';
import type { Frame } from '../../wire/hand/frames.ts';
import { CHANNEL, STDIN_WINDOW, WINDOW } from '../../wire/hand/protocol.ts';
import { AHEAD, Incoming, Outgoing } from './windows.ts';

const PIECE = 50_000;
const data = (offset: number, length = PIECE): Extract<Frame, { type: 'data' }> => ({
  type: 'data',
  stream: 7,
  channel: CHANNEL.input,
  offset,
  bytes: Buffer.alloc(length, offset % 251),
});
const eof = (total: number): Extract<Frame, { type: 'eof' }> => ({
  type: 'eof',
  stream: 7,
  channel: CHANNEL.input,
  total,
});

describe('what comes for sbd', () => {
  let toSbd: Frame[];
  let toProgram: Frame[];
  let open: Incoming[];
  let passed: Buffer[];
  beforeEach(() => ([toSbd, toProgram, open, passed] = [[], [], [], []]));
  afterEach(() => open.forEach((incoming) => incoming.close()));

  const incoming = (): Incoming => {
    const made = new Incoming({
      toSbd: (frame, whole) => {
        toSbd.push(frame);
        if (whole) passed.push(whole);
      },
      toProgram: (frame) => void toProgram.push(frame),
    });
    open.push(made);
    return made;
  };
  const bytes = (): Buffer =>
    Buffer.concat(toSbd.flatMap((frame) => (frame.type === 'data' ? [frame.bytes] : [])));
  const allowed = (): number | undefined =>
    toProgram.flatMap((frame) => (frame.type === 'credit' ? [frame.upTo] : [])).at(-1);

  it('may be a mebibyte ahead, and reaches it in its own window, whole and in order, its end last', () => {
    const file = incoming();
    file.goAhead();
    expect(allowed()).to.equal(STDIN_WINDOW + AHEAD);
    let offset = 0;
    const sent: Buffer[] = [];
    for (; offset + PIECE <= STDIN_WINDOW + AHEAD; offset += PIECE) {
      const frame = data(offset);
      sent.push(Buffer.from(frame.bytes));
      file.take(frame);
    }
    file.take(eof(offset));
    expect(bytes()).to.have.length(STDIN_WINDOW);
    for (let limit = STDIN_WINDOW; limit < offset; limit += 12_345) {
      file.allow(limit);
      expect(bytes()).to.have.length(limit);
      expect(allowed()).to.equal(limit + AHEAD);
      expect(toSbd.at(-1)?.type).to.equal('data');
    }
    file.allow(offset);
    expect(bytes().equals(Buffer.concat(sent))).to.equal(true);
    expect(toSbd.at(-1)).to.deep.equal(eof(offset));
    expect(toSbd.filter(({ type }) => type === 'eof')).to.have.length(1);
  });

  it('is handed on as it came where there is room for all of it, and never where a part of it went before', () => {
    const file = incoming();
    file.goAhead();
    const [first, second, third] = [0, PIECE, 2 * PIECE].map((offset) => data(offset));
    const wholes = [first, second, third].map((frame) => encodeFrame(frame!));
    file.take(first!, wholes[0]);
    file.take(second!, wholes[1]);
    file.take(third!, wholes[2]);
    file.allow(2 * PIECE);
    file.allow(3 * PIECE);
    expect(passed).to.deep.equal([wholes[0], wholes[2]]);
    expect(bytes()).to.have.length(3 * PIECE);
  });

  it('is ahead of four at a time', () => {
    const files = Array.from({ length: 5 }, () => {
      const file = incoming();
      file.goAhead();
      return file;
    });
    expect(toProgram).to.have.length(4);
    files[0]?.close();
    files[4]?.goAhead();
    expect(toProgram).to.have.length(5);
  });

  it('is not kept where it is more than was allowed: sbd says so', () => {
    const file = incoming();
    file.goAhead();
    const beyond = data(STDIN_WINDOW + AHEAD, 1);
    file.take(beyond);
    expect(toSbd).to.deep.equal([beyond]);
    const other = incoming();
    other.take(data(STDIN_WINDOW, 1));
    expect(toSbd).to.have.length(2);
  });
});

describe('what goes to a program', () => {
  let asked: number[];
  let isFull: boolean;
  beforeEach(() => ([asked, isFull] = [[], false]));
  const outgoing = (): Outgoing =>
    new Outgoing({
      toSbd: (frame) => void (frame.type === 'credit' && asked.push(frame.upTo)),
      isFull: () => isFull,
    });

  it('is asked for a window after what has passed, however much more the program takes', () => {
    const file = outgoing();
    file.want(8 * WINDOW);
    expect(asked).to.deep.equal([]);
    file.passed(WINDOW / 4);
    file.passed(WINDOW / 4 + 1);
    file.passed(WINDOW);
    expect(asked).to.deep.equal([WINDOW + WINDOW / 4, 2 * WINDOW]);
  });

  it('is asked for no further than the program takes it', () => {
    const file = outgoing();
    file.passed(WINDOW);
    expect(asked).to.deep.equal([]);
    file.want(WINDOW + 10);
    file.want(WINDOW + 20);
    expect(asked).to.deep.equal([WINDOW + 10, WINDOW + 20]);
  });

  it('is asked for while little is on its way, and again once there is room', () => {
    const file = outgoing();
    isFull = true;
    file.want(4 * WINDOW);
    file.passed(WINDOW);
    expect(asked).to.deep.equal([]);
    isFull = false;
    file.ask();
    expect(asked).to.deep.equal([2 * WINDOW]);
  });
});
