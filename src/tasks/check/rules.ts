/** Names of what can be wrong with a task, and which of them are looked for. All but `unsupported-feature`, `carriage-return`, `unusable-script`, `missing-copy-source` and those with `integrity: 'only'` are those of `harbor lint` 0.25. */
import { parse } from 'smol-toml';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nearest } from './unknown-fields.ts';

interface Rule {
  /** `error`: the task cannot be run. `warning`: it can, and something is to be said against it. */
  severity: 'error' | 'warning';
  /** What the rule looks for, in a line. */
  about: string;
  /** Looked for only with --strict or when it is asked for, as in Harbor. */
  optional?: true;
  /** About what the agent could do to its reward. `only`: looked for where that is asked for, or the rule itself. */
  integrity?: 'also' | 'only';
}

export const RULES = {
  'invalid-task-config': { severity: 'error', about: 'task.toml does not keep to the format' },
  'invalid-task-files': {
    severity: 'error',
    about: 'a file is missing, unreadable or a link out of the task',
  },
  'unsupported-feature': { severity: 'error', about: 'this version of sb-operator does not run it' },
  'carriage-return': { severity: 'error', about: 'a script whose first line ends as Windows has it' },
  'unusable-script': { severity: 'error', about: 'a script that is empty or no text' },
  'missing-copy-source': { severity: 'warning', about: 'a Dockerfile copies what the context lacks' },
  'unknown-config-field': { severity: 'warning', about: 'a field of task.toml that means nothing' },
  'shared-verifier': {
    severity: 'warning',
    about: 'the verifier runs where the agent was root',
    integrity: 'also',
  },
  'root-agent': { severity: 'warning', about: 'the agent runs as root', optional: true, integrity: 'also' },
  'overlapping-artifacts': { severity: 'warning', about: 'two artifacts want the same place' },
  'artifact-log-overlap': { severity: 'warning', about: 'an artifact holds the logs of agent or verifier' },
  'compose-privileged': { severity: 'warning', about: 'a service is privileged' },
  'compose-additional-capabilities': { severity: 'warning', about: 'a service asks for capabilities' },
  'compose-writable-bind-mount': { severity: 'warning', about: 'a service may write files of the host' },
  'compose-external-bind-mount': { severity: 'warning', about: 'a mount from outside the task' },
  'compose-symlink-bind-mount': { severity: 'warning', about: 'a mount through a link out of the task' },
  'unpinned-image': {
    severity: 'warning',
    about: 'an image without a digest',
    optional: true,
    integrity: 'also',
  },
  'unpinned-python-dependency': {
    severity: 'warning',
    about: 'a Python package without an exact version',
    integrity: 'also',
  },
  'verifier-runtime-install': {
    severity: 'warning',
    about: 'a separate verifier installs pytest at each trial',
  },
  'verifier-network-download': { severity: 'warning', about: 'a separate verifier downloads at each trial' },
  'agent-image-test-leak': {
    severity: 'warning',
    about: 'tests or solution are copied into the agent’s image',
    integrity: 'also',
  },
  'hidden-files-in-context': {
    severity: 'warning',
    about: 'environment/ has what is in tests/ or solution/',
    integrity: 'only',
  },
  'same-user': { severity: 'warning', about: 'agent and verifier are one user', integrity: 'only' },
  'shared-steps': {
    severity: 'warning',
    about: 'an agent comes after the tests of another step',
    integrity: 'only',
  },
  'public-network': { severity: 'warning', about: 'the agent has the internet', integrity: 'only' },
  'verifier-download': {
    severity: 'warning',
    about: 'a verifier, shared or separate, downloads at each trial',
    integrity: 'only',
  },
  'agent-reaches-services': {
    severity: 'warning',
    about: 'services that the agent may change',
    integrity: 'only',
  },
  'two-reward-files': {
    severity: 'warning',
    about: 'the tests write reward.json and reward.txt',
    integrity: 'only',
  },
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof RULES;

export const ruleNames = Object.keys(RULES) as RuleName[];

/** One thing that is wrong with a task. */
export interface LintMessage {
  rule: RuleName;
  severity: Rule['severity'];
  /** Absolute path of the file or folder. */
  path: string;
  /** From 1; missing where it is no matter of a line. */
  line?: number;
  column?: number;
  /** A sentence: what is there, what was expected. */
  message: string;
}

/** `[metadata.harbor.lint]` of task.toml or dataset.toml, and the options of `sb task check`. */
export interface Wish {
  select?: readonly string[];
  extendSelect?: readonly string[];
  ignore?: readonly string[];
}

/** Rules that are looked for where nobody says anything. */
const usualRules = (strict: boolean): Set<RuleName> =>
  new Set(
    ruleNames.filter((name) => {
      const { optional, integrity }: Rule = RULES[name];
      return integrity !== 'only' && (strict || !optional);
    }),
  );

/** What keeps a task from running, and what the agent could do to its reward. */
const integrityRules = new Set(
  ruleNames.filter((name) => {
    const { severity, integrity }: Rule = RULES[name];
    return severity === 'error' || integrity !== undefined;
  }),
);

/** The rules after a wish. */
function applied(
  rules: ReadonlySet<RuleName>,
  { select, extendSelect = [], ignore = [] }: Wish,
): Set<RuleName> {
  const wanted = new Set([...(select ?? rules), ...extendSelect]);
  return new Set(
    ruleNames.filter((name) => (wanted.has('ALL') || wanted.has(name)) && !ignore.includes(name)),
  );
}

/** The first name that is no rule, and the rule that may be meant; undefined where all are rules. */
export function unknownRule({
  select = [],
  extendSelect = [],
  ignore = [],
}: Wish): { name: string; meant: string | undefined } | undefined {
  const isKnown = (name: string): boolean =>
    (name === 'ALL' && !ignore.includes(name)) || Object.hasOwn(RULES, name);
  const name = [...select, ...extendSelect, ...ignore].find((candidate) => !isKnown(candidate));
  return name === undefined ? undefined : { name, meant: nearest(name, ruleNames) };
}

/** What the nearest dataset.toml above a task says. */
function wishOfDataset(folder: string): Wish {
  const above = dirname(folder);
  if (above === folder) return {};
  const file = join(above, 'dataset.toml');
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true
    ? wishIn(tomlOrNothing(file))
    : wishOfDataset(above);
}

function tomlOrNothing(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}

const tableIn = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;

/** `[metadata.harbor.lint]` of a parsed document. */
function wishIn(document: unknown): Wish {
  const table = tableIn(tableIn(tableIn(document, 'metadata'), 'harbor'), 'lint');
  const names = (key: string): string[] | undefined => {
    const value = tableIn(table, key);
    return Array.isArray(value) ? value.filter((name) => typeof name === 'string') : undefined;
  };
  const [select, extendSelect, ignore] = [names('select'), names('extend-select'), names('ignore')];
  return { ...(select && { select }), ...(extendSelect && { extendSelect }), ...(ignore && { ignore }) };
}

/**
 * The rules that are looked for in a task: by its folder, by its parsed task.toml, and by the command line. Where integrity is asked for a task
 * has no say.
 */
export const rulesFor = (
  folder: string,
  document: unknown,
  options: Wish & { strict: boolean; integrity?: boolean },
): Set<RuleName> =>
  options.integrity
    ? applied(integrityRules, options)
    : [wishOfDataset(folder), wishIn(document), options].reduce<Set<RuleName>>(
        applied,
        usualRules(options.strict),
      );
