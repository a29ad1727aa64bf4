/** What follows from the values: values.yaml, the schema, the table, the operator's variables. */
import { dump } from 'js-yaml';
import type { Setting, Value } from './shapes.ts';

/** A value that has no values below it, and where it is. */
export interface Leaf {
  path: string;
  value: Value;
}

export const leavesOf = (value: Value, path: readonly string[] = []): Leaf[] =>
  'default' in value || value.properties === undefined
    ? [{ path: path.join('.'), value }]
    : Object.entries(value.properties).flatMap(([name, below]) => leavesOf(below, [...path, name]));

export interface SettingOf extends Required<Setting> {
  path: string;
}

/** Variables of the operator, each with the value that sets it. */
export const settingsIn = (values: Value): SettingOf[] =>
  leavesOf(values).flatMap(({ path, value: { setting } }) =>
    setting ? [{ path, env: setting.env, as: setting.as ?? 'text' }] : [],
  );

const WIDTH = 110;

const comment = (about: string | undefined, indent: string): string => {
  const lines = (about ?? '').split(' ').reduce<string[]>((done, word) => {
    const last = done.at(-1);
    if (last !== undefined && `${indent}# ${last} ${word}`.length <= WIDTH)
      return [...done.slice(0, -1), `${last} ${word}`];
    return [...done, word];
  }, []);
  return about === undefined ? '' : lines.map((line) => `${indent}# ${line}\n`).join('');
};

/** The values with their defaults, each below what it is. */
export function valuesYaml(value: Value, indent = ''): string {
  const each = Object.entries(value.properties ?? {}).map(([name, below]) => {
    const about = comment(below.description, indent);
    if (!('default' in below)) return `${about}${indent}${name}:\n${valuesYaml(below, `${indent}  `)}`;
    const lines = dump({ [name]: below.default }, { lineWidth: -1 })
      .trimEnd()
      .split('\n');
    return `${about}${lines.map((line) => `${indent}${line}\n`).join('')}`;
  });
  return each.join(indent === '' ? '\n' : '');
}

/** JSON Schema of it: closed everywhere, but for what Helm hands to every chart that is part of another. */
export function valuesSchema(values: Value): object {
  const schema = JSON.stringify(values, (key, part: unknown) => (key === 'setting' ? undefined : part));
  const { properties, ...rest } = JSON.parse(schema) as { properties: object };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart sb-operator',
    ...rest,
    properties: { ...properties, global: { type: 'object' } },
  };
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** A table of all of them for people. */
export const valuesTable = (values: Value): string =>
  [
    '| value | default | what it is |',
    '| ----- | ------- | ---------- |',
    ...leavesOf(values).map(({ path, value }) => {
      const variable = value.setting ? ` (\`${value.setting.env}\`)` : '';
      const shown = JSON.stringify(value.default);
      return `| \`${path}\` | ${shown.length > 60 ? 'see values.yaml' : `\`${shown}\``} | ${cell(`${value.description ?? ''}${variable}`)} |`;
    }),
  ].join('\n');
