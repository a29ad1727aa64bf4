/** As much of a shell script as the rules need: its lines and the simple commands in them. */

/** A command with its words, and what stands between it and the next one. */
export interface ShellCommand {
  /** Without redirections. */
  words: string[];
  /** The file that its output is redirected to. */
  output?: string;
  /** `|`, `&&`, `;` …; empty at the end of the line. */
  separator: string;
}

/** Neither `<<<` nor a shift of numbers begins one. */
const HEREDOC = /"(?:\\.|[^"\\])*"|'[^']*'|(?<!<)<<-?\s*(['"]?)([A-Za-z_]\w*)\1/g;

/** Lines with what follows a backslash joined to them; comments and here-documents are left out, since they hold any language. */
export function* logicalLines(text: string): Generator<{ line: number; text: string }> {
  let delimiters: string[] = [];
  for (const { line, text: statement } of joinedLines(text)) {
    if (delimiters.length > 0) {
      if (statement.trim() === delimiters[0]) delimiters.shift();
      continue;
    }
    delimiters = [...statement.matchAll(HEREDOC)].flatMap(([, , word]) => (word === undefined ? [] : [word]));
    if (delimiters.length === 0) yield { line, text: statement };
  }
}

function* joinedLines(text: string): Generator<{ line: number; text: string }> {
  let pending: { line: number; text: string } | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    if (raw.trim() === '' || raw.trimStart().startsWith('#')) continue;
    const continued = /\\\s*$/.test(raw);
    const { line, text: before } = pending ?? { line: index + 1, text: '' };
    pending = { line, text: before + (continued ? raw.replace(/\\\s*$/, ' ') : raw) };
    if (continued) continue;
    yield pending;
    pending = undefined;
  }
  if (pending) yield pending;
}

type Token = string | { operator: string } | { redirection: string };

/** Operators, white space, redirections, and a word of quoted parts, escapes, substitutions and plain characters. */
const TOKEN = new RegExp(
  [
    String.raw`(?<redirection>(?:\d*|&|\{\w+\})(?:<<<|<>|>>|>\||[<>]&?)(?!\())`,
    String.raw`(?<operator>&&|\|\||[;&|])`,
    String.raw`(?<space>\s+)`,
    String.raw`(?<word>(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[$<>]\([^()]*\)|\x60[^\x60]*\x60|[^\s"'\\;&|<>])+)`,
  ].join('|'),
  'gs',
);
const PART = /"(?:\\.|[^"\\])*"|'[^']*'|\\./gs;

const unquoted = (word: string): string =>
  word.replace(PART, (part) => {
    if (part.startsWith('\\')) return part.slice(1);
    const inner = part.slice(1, -1);
    return part.startsWith('"') ? inner.replace(/\\([$`"\\])/g, '$1') : inner;
  });

/** Words of a line, without their quotes; undefined where a quote is left open. */
function tokens(text: string): Token[] | undefined {
  const found: Token[] = [];
  let end = 0;
  for (const { 0: whole, index, groups = {} } of text.matchAll(TOKEN)) {
    if (index !== end) return undefined;
    end = index + whole.length;
    const { operator, redirection, word } = groups;
    if (operator !== undefined) found.push({ operator });
    if (redirection !== undefined) found.push({ redirection });
    if (word !== undefined) found.push(unquoted(word));
  }
  return end === text.length ? found : undefined;
}

/** Words of a line that is no command, such as a Dockerfile's COPY. */
export const words = (text: string): string[] | undefined =>
  tokens(text)?.map((token) => (typeof token === 'string' ? token : Object.values(token).join('')));

/** `>`, `>>`, `>|`, `1>` and `&>` take a command's output. */
const OUTPUT = /^[1&]?>[>|]?$/;

/** The commands of a line; none where it cannot be read. */
export function commandsOf(text: string): ShellCommand[] {
  const commands: ShellCommand[] = [];
  let current: Omit<ShellCommand, 'separator'> = { words: [] };
  const end = (separator: string): void => {
    if (current.words.length > 0) commands.push({ ...current, separator });
    current = { words: [] };
  };
  let redirection: string | undefined;
  for (const token of tokens(text) ?? []) {
    if (typeof token === 'string') {
      if (token.startsWith('#')) break;
      if (redirection === undefined) current.words.push(token);
      else if (OUTPUT.test(redirection)) current.output = token;
      redirection = undefined;
    } else if ('redirection' in token) ({ redirection } = token);
    else {
      redirection = undefined;
      end(token.operator);
    }
  }
  end('');
  return commands;
}
