/** The reference in Markdown, made of the CustomResourceDefinitions and the lists of reasons. */
import { TRIAL_CONDITIONS } from '../crds/trial-conditions.ts';
import type { CustomResourceDefinition } from '../crds/definition.ts';
import {
  BUILD_ACTIVE,
  BUILD_DONE,
  BUILD_FAILED,
  TRIAL_ACTIVE,
  TRIAL_DONE,
  TRIAL_FAILED,
} from '../crds/reasons.ts';
import {
  SANDBOX_FAILED,
  SANDBOX_LOST,
  SANDBOX_READY,
  SANDBOX_SUSPENDED,
  SANDBOX_WAITING,
} from '../crds/sandbox-reasons.ts';
import { fields, type Field, type Structural } from '../crds/structural.ts';

/** One page for a kind: its fields, the rules between them, its columns. */
export function kindPage({ spec: { group, names, versions } }: CustomResourceDefinition): string {
  const [version] = versions;
  if (!version) throw new Error(`${names.kind} has no version`);
  const root = version.schema.openAPIV3Schema;
  const parts = Object.entries(root.properties ?? {}).filter(
    ([part]) => part === 'spec' || part === 'status',
  );
  return [
    `# ${names.kind}`,
    `${root.description} API version \`${group}/${version.name}\`; short name \`${names.shortNames.join('`, `')}\`; category \`${names.categories.join('`, `')}\`.`,
    ...parts.flatMap(([part, schema]) => [`## ${part}`, schema.description ?? '', fieldTable(schema, part)]),
    '## Rules',
    'Checked by the API server when an object is created or changed.',
    ruleTable(root),
    '## Columns',
    table(
      ['Column', 'Field', '`-o wide` only'],
      version.additionalPrinterColumns.map(({ name, jsonPath, priority }) => [
        name,
        code(jsonPath),
        priority ? 'yes' : '',
      ]),
    ),
    `Field selectors: ${(version.selectableFields ?? []).map(({ jsonPath }) => code(jsonPath.slice(1))).join(', ')}.`,
  ].join('\n\n');
}

function fieldTable(schema: Structural, path: string): string {
  const described = fields(schema, path).filter(
    (field) => field.path !== path && field.schema.description !== undefined,
  );
  const rows = described.map((field) => [
    code(field.path.slice(path.length + 1)) + (field.required ? ' (required)' : ''),
    typeOf(field.schema),
    defaultOf(field.schema),
    boundsOf(field).join('; '),
    field.schema.description ?? '',
  ]);
  return table(['Field', 'Type', 'Default', 'Bounds', 'Meaning'], rows);
}

/** Nothing for an object: the defaults of its fields are in their own rows. */
const defaultOf = ({ type, default: value }: Structural): string =>
  value === undefined || type === 'object' ? '' : code(JSON.stringify(value));

function typeOf({ type, items, additionalProperties }: Structural): string {
  if (items) return `list of ${typeOf(items)}`;
  if (additionalProperties) return `map of ${typeOf(additionalProperties)}`;
  return type ?? 'integer or string';
}

function boundsOf({ schema }: Field): string[] {
  const { enum: values, pattern, additionalProperties } = schema;
  return [
    ...(values ? [values.map(code).join(', ')] : []),
    ...range(schema.minimum, schema.maximum, ''),
    ...range(schema.minLength, schema.maxLength, ' characters'),
    ...range(schema.minItems, schema.maxItems, ' items'),
    ...range(schema.minProperties, schema.maxProperties, ' keys'),
    ...range(additionalProperties?.minLength, additionalProperties?.maxLength, ' characters each'),
    ...(pattern === undefined ? [] : [code(pattern)]),
  ];
}

const write = (bound: number): string => bound.toLocaleString('en-US');

function range(from: number | undefined, to: number | undefined, unit: string): string[] {
  if (from !== undefined && to !== undefined) return [`${write(from)} to ${write(to)}${unit}`];
  if (to !== undefined) return [`at most ${write(to)}${unit}`];
  return from === undefined ? [] : [`at least ${write(from)}${unit}`];
}

function ruleTable(root: Structural): string {
  const rows = fields(root, '').flatMap(({ path, schema }) =>
    (schema['x-kubernetes-validations'] ?? []).map(({ message }) => [code(path.slice(1)), message]),
  );
  return table(['Where', 'Message of the refusal'], rows);
}

/** The page of all condition reasons. */
export function conditionsPage(): string {
  return [
    '# Conditions and their reasons',
    'Every reason is a word of a closed list and part of the API: scripts may compare it.',
    ...verdictSection('Trial', { active: TRIAL_ACTIVE, done: TRIAL_DONE, failed: TRIAL_FAILED }),
    '### Other conditions of a Trial',
    'A condition that failed with the Trial carries the Trial’s reason; `AgentFinished` carries the name of the exception where the agent failed.',
    table(
      ['Condition', 'True means', 'Own reasons'],
      Object.entries(TRIAL_CONDITIONS).map(([type, { means, reasons }]) => [
        code(type),
        means,
        Object.entries(reasons)
          .map(([reason, meaning]) => `${code(reason)}: ${meaning}`)
          .join('; '),
      ]),
    ),
    ...verdictSection('TaskBuild', { active: BUILD_ACTIVE, done: BUILD_DONE, failed: BUILD_FAILED }),
    'A TaskBuild has `Reconciling`, `Complete`, `Failed` and `Stalled` as a Trial has them.',
    '## Sandbox: `Ready` and `Suspended`',
    '`Ready` is True while commands can be run. It is False for a reason that passes, or until something is changed; `recreatePolicy: OnLoss` makes another Pod for one that was lost.',
    'Where nothing runs because the spec asks for that, there is `Suspended`, which is True, and no `Ready`: tools that wait by kstatus take the Sandbox for done, as a Job that is suspended. Where something has to be changed, `Ready` has `Stalled` beside it, and they give up.',
    table(
      ['Reason', 'Condition', 'Until', 'Meaning'],
      [
        ...standingRows('`Ready` True', '', SANDBOX_READY),
        ...standingRows('`Ready` False', 'it passes', SANDBOX_WAITING),
        ...standingRows('`Suspended` True', 'something is changed', SANDBOX_SUSPENDED),
        ...standingRows('`Ready` False', 'something is changed', SANDBOX_FAILED),
        ...standingRows('`Ready` False', 'another Pod is made', SANDBOX_LOST),
      ],
    ),
  ].join('\n\n');
}

interface Verdicts {
  active: Record<string, string>;
  done: Record<string, string>;
  failed: Record<string, { retried: boolean; fault: string; means: string }>;
}

const rowsOf = (status: string, list: Record<string, string>): string[][] =>
  Object.entries(list).map(([reason, means]) => [code(reason), status, '', '', means]);

const standingRows = (condition: string, until: string, list: Record<string, string>): string[][] =>
  Object.entries(list).map(([reason, means]) => [code(reason), condition, until, means]);

function verdictSection(kind: string, { active, done, failed }: Verdicts): string[] {
  const failures = Object.entries(failed).map(([reason, { retried, fault, means }]) => [
    code(reason),
    'False',
    retried ? 'yes' : 'no',
    fault,
    means,
  ]);
  return [
    `## ${kind}: \`Succeeded\``,
    'Unknown while the object is worked on, then True or False for good. A retried failure ends the object only when its attempts are used up. Fault: whose it is that there is no result; what infrastructure lost is for `sb run rerun --only infra`. A Trial with `BuildFailed` has the fault of its TaskBuild’s reason.',
    table(
      ['Reason', 'Status', 'Retried', 'Fault', 'Meaning'],
      [...rowsOf('Unknown', active), ...rowsOf('True', done), ...failures],
    ),
  ];
}

const code = (text: string): string => `\`${text}\``;

const line = (cells: string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

/** A table in Markdown. */
export function table(head: string[], rows: string[][]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
