import { expect } from 'chai';
import fc from 'fast-check';
import { EventReader } from './events.ts';
import { JsonPicker } from './json-picker.ts';

/** In pieces that end where `cuts` say. */
function* pieces(text: string, cuts: readonly number[]): Generator<Buffer> {
  const bytes = Buffer.from(text);
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
  let from = 0;
  for (const end of [...ends, bytes.length]) {
    yield bytes.subarray(from, end);
    from = end;
  }
}

function picked(text: string, wanted: string[], cuts: readonly number[] = []): JsonPicker {
  const picker = new JsonPicker(wanted);
  for (const piece of pieces(text, cuts)) picker.feed(piece);
  return picker;
}

describe('values out of JSON as it goes by', () => {
  const WANTED = ['a', 'b.a', 'b.b', 'c.*.a', '*.a'];
  const at = (value: unknown, path: string): unknown => {
    const [first = '', ...rest] = path.split('.');
    if (value === null || typeof value !== 'object') return undefined;
    const last = Array.isArray(value)
      ? value.filter((one) => first === '*' && at(one, rest.join('.')) !== undefined).at(-1)
      : (value as Record<string, unknown>)[first];
    return rest.length === 0 ? last : at(last, rest.join('.'));
  };
  const leaf = fc.oneof(
    fc.string(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c', 'other'), tie('tree')),
    ),
  }));

  it('are those that a parser finds, however the bytes are cut', () => {
    const whole = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tree);
    fc.assert(
      fc.property(whole, fc.array(fc.nat()), fc.boolean(), (value, cuts, pretty) => {
        const text = JSON.stringify(value, null, pretty ? 1 : 0);
        const picker = picked(text, WANTED, cuts);
        expect(picker.problem).to.equal(undefined);
        expect(picker.end).to.equal(Buffer.byteLength(text) - 1);
        const plain = (found: unknown) =>
          /[^\u0020-\u007e]/.test(JSON.stringify(found) ?? '') ? 'not ASCII' : found;
        for (const path of ['a', 'b.a', 'b.b'])
          expect(plain(picker.value(path)), path).to.deep.equal(plain(at(value, path)));
      }),
      { numRuns: 300 },
    );
  });

  it('are the last of a list', () => {
    expect(picked('[{"a":1},{"b":2},{"a":3}]', ['*.a']).value('*.a')).to.equal(3);
    expect(picked('{"c":[{"a":[1]},{"a":{"x":2}}]}', ['c.*.a']).value('c.*.a')).to.deep.equal({ x: 2 });
  });

  it('are none where they are too long, and what follows is found', () => {
    const picker = picked(`{"a":"${'x'.repeat(20_000)}","b":7}`, ['a', 'b'], [100, 5000, 17_000]);
    expect([picker.value('a'), picker.value('b')]).to.deep.equal([undefined, 7]);
  });

  const odd: [string, string | Buffer][] = [
    ['a is there twice', '{"a":1,"a":2}'],
    ['a name has an escape in it', '{"\\u0061":1}'],
    ['something follows its end', '{"a":1}{"a":2}'],
    ['something follows its end', '{"a":1} x'],
    ['it closes what was not open', '{"a":1}}'],
    ['it is no JSON in UTF-8', Buffer.from('{"a":1}', 'utf16le')],
    ['it is no JSON in UTF-8', Buffer.from('\ufeff{"a":1}')],
    ['it is no JSON in UTF-8', "{'a':1}"],
    ['it is no JSON in UTF-8', '{"x":1,/*"a":1*/"a":2}'],
  ];
  for (const [problem, body] of odd)
    it(`are not taken where ${problem}`, () => {
      const picker = new JsonPicker(['a']);
      picker.feed(Buffer.from(body as string));
      expect(picker.problem).to.equal(problem);
    });

  it('cost nothing but the time to look, of a body that opens lists without end', () => {
    const picker = new JsonPicker(['a']);
    const chunk = Buffer.from('['.repeat(65_536));
    for (let index = 0; index < 64; index += 1) picker.feed(chunk);
    expect(picker.end).to.equal(-1);
  });
});

describe('server-sent events as they go by', () => {
  const TEXT =
    ': comment\nevent: one\ndata: {"a":1}\n\ndata:{"a":\r\ndata: 2}\r\n\r\nid: 3\n\ndata: [DONE]\n\ndatum: {"a":9}\n\ndata: {"a":4,"b":5';
  it('are the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), (cuts) => {
        const found: unknown[] = [];
        const reader = new EventReader(['a'], (data) => found.push(data.value('a')));
        for (const piece of pieces(TEXT, cuts)) reader.feed(piece);
        reader.end();
        expect(found).to.deep.equal([1, 2, undefined, 4]);
      }),
      { numRuns: 300 },
    );
  });

  it('keep nothing of a line without an end', () => {
    const reader = new EventReader(['a'], () => {});
    const before = process.memoryUsage().arrayBuffers;
    const chunk = Buffer.alloc(65_536, 'x');
    reader.feed(Buffer.from('data: {"b":"'));
    for (let index = 0; index < 512; index += 1) reader.feed(chunk);
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(8 * 2 ** 20);
  });
});
