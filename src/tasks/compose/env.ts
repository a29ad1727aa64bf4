/** Variables of a service: `environment` over the files of `env_file`. */
import type { EnvVar } from '../../crds/environment.ts';
import { isRecord } from '../../text/json.ts';
import { inEnvironment, type ComposeSource } from './document.ts';
import { filledValue } from './interpolate.ts';
import { Place } from './place.ts';
import type { Service } from './schema.ts';
import type { Variables, VariableValue } from './types.ts';

interface Around {
  source: ComposeSource;
  variables: Variables;
}

/** As Kubernetes takes them; Elasticsearch has dots in them. */
const NAME = /^[-._A-Za-z][-._A-Za-z0-9]*$/;

/** `service` is as the file has it, with nothing filled in under these two keys. */
export function variablesOf(
  { environment, env_file: files }: Pick<Service, 'environment' | 'env_file'>,
  place: Place,
  around: Around,
): EnvVar[] {
  const found = new Map<string, VariableValue>([
    ...fileList(files).flatMap((file) => ofFile(file, place.at('env_file'), around)),
    ...pairsOf(environment, place.at('environment'), around.variables),
  ]);
  return [...found].flatMap(([name, value]): EnvVar[] => {
    if (NAME.test(name)) return [envVar(name, value)];
    place.at('environment').invalid(`${JSON.stringify(name)} is no name of a variable`);
    return [];
  });
}

export const envVar = (name: string, value: VariableValue): EnvVar =>
  typeof value === 'string' ? { name, value } : { name, ...value };

/** A table, or a list of `NAME=value`; a name without a value has that of the same variable outside. */
export function pairsOf(
  value: Service['environment'],
  place: Place,
  variables: Variables,
): [string, VariableValue][] {
  const entries = isRecord(value) ? Object.entries(value) : (value ?? []).map((item) => pairOf(String(item)));
  return entries.map(([name, given]) => {
    const text = given === null ? `\${${name}}` : String(given);
    return [name, filledValue(text, variables, place.at(name))];
  });
}

function pairOf(text: string): [name: string, value: string | null] {
  const at = text.indexOf('=');
  return at === -1 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

interface NamedFile {
  path: string;
  required: boolean;
}

const fileList = (value: Service['env_file'] = []): NamedFile[] =>
  (Array.isArray(value) ? value : [value]).map((item) =>
    typeof item === 'string' ? { path: item, required: true } : { required: true, ...item },
  );

function ofFile({ path, required }: NamedFile, place: Place, around: Around): [string, VariableValue][] {
  const at = inEnvironment(path);
  const text = at === undefined ? undefined : around.source.env_files?.[at];
  if (text !== undefined) return lines(text, place, around.variables);
  if (at === undefined) place.unsupported(`${path} lies outside of environment/`);
  else if (required) place.invalid(`the task has no file ${at}`);
  return [];
}

const LINE = /^(?:export[ \t]+)?([^\s=:#]+)\s*[=:](.*)$/;
const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t' };

/** The variables of a file: a line each. */
function lines(text: string, place: Place, variables: Variables): [string, VariableValue][] {
  const earlier = new Map<string, VariableValue>();
  for (const line of text.split('\n')) {
    const [, name, rest = ''] = LINE.exec(line.trim()) ?? [];
    if (name === undefined) continue;
    const known: Variables = (other) => variables(other) ?? earlier.get(other);
    const { value, literal } = unquoted(rest.trim());
    earlier.set(name, literal ? value : filledValue(value, known, place.at(name)));
  }
  return [...earlier];
}

/** `literal`: in single quotes, where a dollar sign is nothing else. A comment begins after a space. */
function unquoted(text: string): { value: string; literal: boolean } {
  const quote = text.charAt(0);
  if (quote !== "'" && quote !== '"') {
    const comment = text.startsWith('#') ? 0 : text.indexOf(' #');
    return { value: (comment === -1 ? text : text.slice(0, comment)).trimEnd(), literal: false };
  }
  let end = 1;
  while (end < text.length && text[end] !== quote) end += quote === '"' && text[end] === '\\' ? 2 : 1;
  const inner = text.slice(1, end);
  if (quote === "'") return { value: inner, literal: true };
  return {
    value: inner.replaceAll(/\\([nrt"\\])/g, (_all, sign: string) => ESCAPES[sign] ?? sign),
    literal: false,
  };
}

/** The variables of `environment/.env`, which Compose fills templates with where nothing else says them. */
export function dotEnv(source: ComposeSource, outside: Variables): Variables {
  const text = source.env_files?.['environment/.env'];
  if (text === undefined) return outside;
  const own = new Map(lines(text, new Place([]), outside));
  return (name) => outside(name) ?? own.get(name);
}
