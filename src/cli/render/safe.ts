/** Text from outside (containers, conditions, file names) made harmless for a terminal: it cannot move the cursor, rename the window, or show what is not there. */

/** CSI, OSC and other string sequences, two-character escapes; ended by their terminator or by the text's end. */
const SEQUENCE =
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|\x1b[ -/]*[0-~]/g;

/**
 * What a terminal would act on or hide: control characters but tab and newline; embeddings, overrides and isolates of writing direction
 * (CVE-2021-42574); characters without width; line separators that are no newline; invisible tags.
 */
const HIDDEN =
  // eslint-disable-next-line no-control-regex, no-misleading-character-class -- as above
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

const escaped = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
};

/**
 * The text without escape sequences, with every other character that a terminal would act on written out (`\x08`, `\u{202e}`). Newlines
 * and tabs stay; a carriage return, as progress bars write it, becomes a newline.
 */
export const safe = (text: string): string =>
  text
    .replace(SEQUENCE, '')
    .replace(/\r+\n?/g, '\n')
    .replace(HIDDEN, escaped)
    .toWellFormed();

/** As `safe`, on one line: runs of white space become one space. For cells, names and single-line messages. */
export const safeLine = (text: string): string => safe(text).replace(/\s+/g, ' ').trim();

const jsonEscaped = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');

/** JSON in which every character that a terminal would act on is a `\\u` escape: the same document for every reader. */
export function safeJson(value: unknown, indent?: number): string {
  // JSON.stringify leaves no control character below U+0020 within strings; the newlines between them stay.
  return JSON.stringify(value, undefined, indent).replace(HIDDEN, jsonEscaped);
}
