import { expect } from 'chai';
import fc from 'fast-check';
import { dump, load } from 'js-yaml';
import { anyCharacter } from '../../test/support/any-character.ts';
import { safe, safeJson, safeLine, safeYaml } from './safe.ts';

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

  it('shows whatever is drawn as nothing, by its kind', () => {
    for (const code of [
      0x200b, 0x200e, 0x202e, 0x2066, 0x2069, 0x3164, 0x115f, 0x1160, 0xffa0, 0x034f, 0x17b4, 0x180e, 0x2800,
      0x00ad, 0x2060, 0xfeff, 0xfff9, 0xfe00, 0xfe0f, 0x200c, 0x200d, 0xe0001, 0xe0041, 0xe007f, 0xe0100,
    ])
      expect(safe(`pay${String.fromCodePoint(code)}pal`)).to.match(/^pay\\(u\{[0-9a-f]+\}|x[0-9a-f]{2})pal$/);
  });

  it('keeps joiners and selectors where a script or an emoji needs them', () => {
    for (const text of ['❤️‍🔥', '👨🏽‍🚀', '#️⃣', 'می‌خواهم', 'क्‍ष']) expect(safe(text)).to.equal(text);
    expect(safe('1\ufe0f2')).to.equal('1\\u{fe0f}2');
    expect(safe('a\ufe0f\u200db')).to.equal('a\\u{fe0f}\\u{200d}b');
  });

  it('is the same YAML document with its dangerous characters escaped, keys too', () => {
    const yaml = (value: unknown): string => safeYaml(value, (marks) => dump(marks, { noRefs: true }));
    expect(yaml({ 'a\u202eb': ['x\u3164', 'two\nlines\u{e0041}', '\x01202e\x02', 'plain'] })).to.equal(
      '"a\\u202eb":\n  - "x\\u3164"\n  - "two\\nlines\\U000e0041"\n  - "\\x01202e\\x02"\n  - plain\n',
    );
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (raw) => {
        const text = raw.toWellFormed();
        const written = yaml({ text, [`${text}-`]: [text] });
        expect(safe(written)).to.equal(written);
        expect(load(written)).to.deep.equal({ text, [`${text}-`]: [text] });
      }),
    );
  });

  it('gives every step of a progress bar a line of its own', () => {
    expect(safe('10%\r20%\r\ndone')).to.equal('10%\n20%\ndone');
  });

  it('is one line where one line is wanted', () => {
    expect(safeLine(' a\n\tb \r\n c\u2028d ')).to.equal('a b c\\u{2028}d');
  });

  it('has never a control character left, and is safe already', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (text) => {
        const once = safe(text);
        // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
        expect(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/.test(once)).to.equal(false);
        expect(safe(once)).to.equal(once);
      }),
    );
  });

  it('is the same JSON document with its dangerous characters escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (text) => {
        const json = safeJson({ text }, 2);
        expect(safe(json)).to.equal(json);
        expect(JSON.parse(json)).to.deep.equal({ text });
      }),
    );
  });
});
