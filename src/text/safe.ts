/** Text from outside (containers, conditions, file names) made harmless for a terminal: it cannot move the cursor, rename the window, or show what is not there. And words made harmless for a shell. */

/** CSI, OSC and other string sequences, two-character escapes; ended by their terminator or by the text's end. */
const SEQUENCE =
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|\x1b[ -/]*[0-~]/g;

/**
 * What a terminal would act on or hide: control characters but tab and newline; line separators that are no newline; annotations; and, by
 * Unicode's own property, all that is drawn as nothing: embeddings, overrides and isolates of writing direction (CVE-2021-42574), characters
 * without width, fillers, tags, selectors of variants. Joiners and selectors stay where a script or an emoji needs them.
 */
const HIDDEN =
  // eslint-disable-next-line no-control-regex, no-misleading-character-class -- as above
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u2800\ufff9-\ufffb[\p{DI}--[\u200c\u200d\ufe0e\ufe0f]]]|(?<![\p{Emoji}--[#*0-9]]\ufe0f|[[\p{ExtPict}\p{EMod}\p{M}\p{sc=Arabic}]--\p{DI}])[\u200c\u200d]|(?<![\p{Emoji}--[#*0-9]])[\ufe0e\ufe0f](?!\u20e3)/gv;

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

/** Stands around the number of a character that YAML has to escape. Both are control characters: they are escaped themselves. */
const [OPEN, CLOSE] = ['\x01', '\x02'];

const marked = (text: string): string =>
  text.replace(HIDDEN, (character) => `${OPEN}${character.codePointAt(0)?.toString(16)}${CLOSE}`);

/** The value with every character that a terminal would act on as a mark, which js-yaml writes between double quotes as an escape. */
function withMarks(value: unknown): unknown {
  if (typeof value === 'string') return marked(value);
  if (Array.isArray(value)) return value.map(withMarks);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [marked(key), withMarks(inner)]));
}

const yamlEscape = (_: string, hex: string): string =>
  hex.length <= 2
    ? `\\x${hex.padStart(2, '0')}`
    : hex.length <= 4
      ? `\\u${hex.padStart(4, '0')}`
      : `\\U${hex.padStart(8, '0')}`;

/** YAML, by `dump` of js-yaml, in which every character that a terminal would act on is an escape: the same document for every reader. */
export const safeYaml = (value: unknown, dump: (value: unknown) => string): string =>
  dump(withMarks(value)).replace(/\\x01([0-9a-f]+)\\x02/g, yamlEscape);

/** A word as a POSIX shell takes it, for commands that a message proposes. */
export const quoted = (text: string): string =>
  /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
