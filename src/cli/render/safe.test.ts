import { expect } from 'chai';
import fc from 'fast-check';
import { safe, safeJson, safeLine } from './safe.ts';

describe('Text from outside', () => {
  it('loses colours, cursor movements and window titles', () => {
    expect(safe('\x1b[31mred\x1b[0m \x1b[2J\x1b[H\x1b]0;owned\x07end')).to.equal('red end');
    expect(safe('\x1b]8;;http://example.com\x1b\\link\x1b]8;;\x1b\\')).to.equal('link');
    expect(safe('\x9b31mred \x9d0;owned\x9cend')).to.equal('red end');
    expect(safe('\x1bcreset')).to.equal('reset');
  });

  it('loses a sequence that never ends, up to the end of the text', () => {
    expect(safe('before\x1b]52;c;aGVsbG8=')).to.equal('before');
    expect(safe('before\x1b')).to.equal('before\\x1b');
  });

  it('shows what is hidden or reverses the writing direction', () => {
    expect(safe('a\u202eb\u2066c\u200bd\x08e\x00')).to.equal('a\\u{202e}b\\u{2066}c\\u{200b}d\\x08e\\x00');
  });

  it('keeps newlines, tabs, letters of any script and joined emoji', () => {
    const text = 'a\tb\nschön 日本語 עברית 👩‍🚀';
    expect(safe(text)).to.equal(text);
  });

  it('gives every step of a progress bar a line of its own', () => {
    expect(safe('10%\r20%\r\ndone')).to.equal('10%\n20%\ndone');
  });

  it('is one line where one line is wanted', () => {
    expect(safeLine(' a\n\tb \r\n c\u2028d ')).to.equal('a b c\\u{2028}d');
  });

  it('has never a control character left, and is safe already', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const once = safe(text);
        // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
        expect(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/.test(once)).to.equal(false);
        expect(safe(once)).to.equal(once);
      }),
    );
  });

  it('is the same JSON document with its dangerous characters escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = safeJson({ text }, 2);
        expect(safe(json)).to.equal(json);
        expect(JSON.parse(json)).to.deep.equal({ text });
      }),
    );
  });
});
