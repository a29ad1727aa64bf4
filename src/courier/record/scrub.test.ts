import { expect } from 'chai';
import fc from 'fast-check';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { formsOf, scrubber } from './scrub.ts';

const SECRET = 'sk-ant-o/Ä+"0123?&=\n tail';

function* cut(bytes: Buffer, cuts: readonly number[]): Generator<Buffer> {
  const ends = [...new Set(cuts.map((at) => at % (bytes.length + 1)))].toSorted((a, b) => a - b);
  let from = 0;
  for (const end of [...ends, bytes.length]) {
    yield bytes.subarray(from, end);
    from = end;
  }
}

const scrubbed = async (text: string | Buffer, secrets: string[], cuts: number[] = []): Promise<Buffer> => {
  async function* chunks() {
    yield* cut(Buffer.from(text as string), cuts);
  }
  return Buffer.concat(await Array.fromAsync(scrubber(secrets).chunks(chunks())));
};

describe('values of secrets', () => {
  const basic = (before: string): string => Buffer.from(`${before}${SECRET}and more`).toString('base64');
  const forms: [string, string][] = [
    ['as they are', `<${SECRET}>`],
    ['in JSON', JSON.stringify({ key: SECRET })],
    ['in JSON of Python', JSON.stringify({ key: SECRET }).replace('Ä', '\\u00c4')],
    ['in JSON of PHP', JSON.stringify({ key: SECRET }).replaceAll('/', '\\/')],
    ['in a URL', `https://x/?key=${encodeURIComponent(SECRET)}&more=1`],
    [
      'in a URL in lower case',
      `https://x/?key=${encodeURIComponent(SECRET).replace(/%../g, (code) => code.toLowerCase())}`,
    ],
    ['in a form', new URLSearchParams({ a: SECRET, b: '1' }).toString()],
    ['in Base64', basic('')],
    ['in Base64 behind a name', basic('u:')],
    ['in Base64 behind another one', basic('user:')],
    ['in Base64 for URLs', Buffer.from(`x${SECRET}`).toString('base64url')],
  ];
  for (const [what, text] of forms)
    it(`are taken out ${what}, and sizes stay`, async () => {
      const clean = await scrubbed(text, ['other-secret', SECRET]);
      expect(clean).to.have.length(Buffer.byteLength(text));
      expect(clean.toString()).to.match(/\*{20}/);
      for (const form of formsOf([SECRET])) expect(clean.includes(form), form).to.equal(false);
      expect(scrubber([SECRET]).text(text)).to.match(/\*\*\*/);
    });

  it('are taken out wherever the bytes are cut, and nothing else is', async () => {
    const piece = fc.oneof(
      fc.constantFrom('abcabcabd', 'abcabd', 'cabd99', 'abc', 'ab', 'abcab'),
      fc.string({ maxLength: 5 }),
    );
    const secrets = ['abcabcabd', 'abcabd', 'cabd99'];
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 30 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        async (pieces, cuts) => {
          const whole = Buffer.from(pieces.join(''));
          const expected = Buffer.from(whole);
          for (const form of formsOf(secrets))
            for (let at = whole.indexOf(form); at >= 0; at = whole.indexOf(form, at + 1))
              expected.fill('*', at, at + form.length);
          expect(await scrubbed(whole, secrets, cuts)).to.deep.equal(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('that are short are left alone, or words would be', async () => {
    expect((await scrubbed('on and off, 12345', ['on', '12345', ''])).toString()).to.equal(
      'on and off, 12345',
    );
    expect(scrubber(['on', '']).isIdle).to.equal(true);
  });

  it('are not found in what is compressed', async () => {
    const zipped = gzipSync(SECRET.repeat(10));
    expect(await scrubbed(zipped, [SECRET])).to.deep.equal(zipped);
  });

  it('hold nothing back that cannot be the beginning of one', async () => {
    const stream = scrubber(['secret-value']).stream();
    stream.write('data: {"x":1}\n\n');
    expect(String(stream.read())).to.equal('data: {"x":1}\n\n');
    stream.write('a secret-');
    expect(String(stream.read())).to.equal('a ');
    stream.end('valued');
    expect(String(await buffer(stream))).to.equal('************d');
  });

  it('cost a Trial without any nothing', () => {
    async function* none(): AsyncGenerator<Buffer> {}
    const bytes = none();
    expect(scrubber([]).chunks(bytes)).to.equal(bytes);
  });

  it('are taken out in bounded memory', async () => {
    let sum = 0;
    const zeros = Readable.from(Array.from({ length: 512 }, () => Buffer.alloc(65_536, 's')));
    const before = process.memoryUsage().arrayBuffers;
    for await (const chunk of scrubber(['s'.repeat(4096) + 'x']).chunks(zeros)) sum += chunk.length;
    expect(sum).to.equal(512 * 65_536);
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(2 ** 26);
  });
});
