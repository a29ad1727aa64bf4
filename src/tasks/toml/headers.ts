/** Headers of MCP servers: `${NAME}` and `${NAME:-default}` may be a part of the value, unlike in tables of variables. */

const TEMPLATE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;
/** Of HTTP. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const SENSITIVE = /KEY|SECRET|TOKEN(?!S)|PASSWORD|CREDENTIAL|AUTH|^(set-)?cookie$/i;
/** Variables without a default, after a scheme such as Bearer or without one, with nothing but separators between them. */
const CREDENTIAL = /^\s*(?:[A-Za-z]+\s+)?\$\{[A-Za-z_]\w*(?::-)?\}(?:[\s:-]*\$\{[A-Za-z_]\w*(?::-)?\})*\s*$/;

/** What is expected of a header that Harbor refuses; undefined for one that it takes. A value holds no credential, only the variable that does. */
export function headerFault(name: string, value: string): string | undefined {
  if (!NAME.test(name)) return 'a name that HTTP allows for a header';
  if (/[\r\n]/.test(value)) return 'a value in one line';
  const templates = [...value.matchAll(TEMPLATE)];
  const isWhole = !value.replaceAll(TEMPLATE, ' ').includes('${');
  if (!isWhole || templates.some(([, , fallback = '']) => fallback.includes('${')))
    return 'variables in the form ${NAME} or ${NAME:-default}';
  const sensitive = SENSITIVE.test(name);
  const given = templates.some(
    ([, variable = '', fallback = '']) => fallback !== '' && (sensitive || SENSITIVE.test(variable)),
  );
  if (!given && (!sensitive || value.trim() === '' || CREDENTIAL.test(value))) return undefined;
  return 'a credential to be a variable without a default, such as "Bearer ${TOKEN}"';
}

/** Names of the variables that a value asks for. */
export const variablesInHeader = (value: string): string[] =>
  [...value.matchAll(TEMPLATE)].map(([, variable = '']) => variable);

/** The value with a plain `${NAME}` for each variable that is known, and the defaults of the others. */
export function withReferences(
  text: string,
  known: ReadonlySet<string>,
): { value: string; missing: string[] } {
  const missing: string[] = [];
  const value = text.replaceAll(TEMPLATE, (template, variable: string, fallback: string | undefined) => {
    if (known.has(variable)) return `\${${variable}}`;
    if (fallback === undefined) missing.push(variable);
    return fallback ?? template;
  });
  return { value, missing };
}
