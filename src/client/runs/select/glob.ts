/**
 * Whether a name fits a pattern as Python's `fnmatch` has it, which is Harbor's rule for -i and -x: `*` is any text, slashes too, `?` one
 * character, `[abc]` and `[a-z]` one of those, `[!abc]` any other. Upper and lower case differ.
 */
export const fits = (name: string, pattern: string): boolean => expression(pattern).test(name);

const TOKEN = /\[(!?)(\]?[^\]]*)\]|[\s\S]/gu;

function expression(pattern: string): RegExp {
  const source = pattern.replace(TOKEN, (token, not: string | undefined, set: string | undefined) => {
    if (set !== undefined && set !== '') return `[${not === '!' ? '^' : ''}${setOf(set)}]`;
    if (token === '*') return '[\\s\\S]*';
    if (token === '?') return '[\\s\\S]';
    return token.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
  return new RegExp(`^${source}$`, 'u');
}

/** Inside brackets only the hyphen of a range that runs upwards has a meaning of its own. */
function setOf(set: string): string {
  const literal = (text: string): string => text.replace(/[\\\]^[-]/g, '\\$&');
  return [...set.matchAll(/([\s\S])-([\s\S])|[\s\S]/gu)]
    .map(([text, from, to]) =>
      from !== undefined && to !== undefined && from <= to
        ? `${literal(from)}-${literal(to)}`
        : literal(text),
    )
    .join('');
}
