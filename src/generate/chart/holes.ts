/** Objects with holes in them → Helm templates. A hole is a text that nothing else has, in the place of a value or of a key. */
import { dump } from 'js-yaml';

type Kind = 'text' | 'scalar' | 'block' | 'lines';
const hole = (kind: Kind, expression: string): string => `⟦${kind}:${expression}⟧`;
const HOLE = '⟦(text|scalar|block|lines):([^⟧]*)⟧';

/** Part of a text, or all of it. */
export const text = (expression: string): string => hole('text', expression);
/** A number or a boolean. It is typed as what may stand anywhere, since Helm puts something else there. */
export const scalar = (expression: string): never => hole('scalar', expression) as never;
/** Lines of YAML below a key, `{}` or `[]` among them. */
export const block = (expression: string): never => hole('block', expression) as never;
/** Further entries of an object, or none: to be spread into it. */
export const entries = (expression: string): Record<string, never> => ({
  [hole('lines', expression)]: null as never,
});
/** Further items of a list, or none. */
export const items = (expression: string): never => hole('lines', expression) as never;

const LINES = new RegExp(`^( *)(?:- )?['"]?${HOLE}['"]?(?:: null)?$`);
const VALUE = new RegExp(`^( *)(.*?: |- )['"]?${HOLE}['"]?$`);

function filled(line: string): string {
  const lines = LINES.exec(line);
  if (lines?.[2] === 'lines') return `${lines[1]}{{- ${lines[3]} | nindent ${lines[1]?.length} }}`;
  const [, indent = '', key = '', kind, expression] = VALUE.exec(line) ?? [];
  if (kind === 'scalar') return `${indent}${key}{{ ${expression} }}`;
  if (kind === 'block')
    return `${indent}${key.trimEnd()} {{- ${expression} | nindent ${indent.length + 2} }}`;
  // Quoted: a namespace may be called 123.
  if (kind === 'text') return `${indent}${key}{{ ${expression} | quote }}`;
  return line.replaceAll(new RegExp(HOLE, 'g'), (_hole, _kind, within: string) => `{{ ${within} }}`);
}

/** The object as a template, which is there where `when` holds. Throws on what Helm would take for an expression of ours. */
export function template(object: object, when?: string): string {
  const yaml = dump(object, { noRefs: true, lineWidth: -1 });
  if (yaml.includes('{{')) throw new Error(`{{ is Helm's: ${yaml.slice(yaml.indexOf('{{')).slice(0, 80)}`);
  const body = yaml.split('\n').map(filled).join('\n');
  return when === undefined ? body : `{{- if ${when} }}\n${body}{{- end }}\n`;
}
