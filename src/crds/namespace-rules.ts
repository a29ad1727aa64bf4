/**
 * Pure: what the admins of a cluster decide for a namespace, in annotations and labels of the Namespace object. The roles
 * `edit` and `admin` of a namespace may not write it, and of all others an admission policy lets those alone change them who may update every Namespace.
 */
import { PREFIX } from './names.ts';
import { present } from './present.ts';
import { VERIFIER_MODES, type VerifierMode } from './verifier.ts';

export const NAMESPACE_ANNOTATION = {
  /** Prefixes under `tasks/` that Trials and TaskBuilds of the namespace may read, as `tasks/team-a/,tasks/shared/`. */
  taskPrefixes: `${PREFIX}task-prefixes`,
  /** `Keep` or `Stop`: what becomes of processes that the agent left running when the tests appear. */
  backgroundProcesses: `${PREFIX}background-processes`,
  /** `Shared` or `Separate`: where verifiers run for which neither the Trial nor the task says it. */
  verifierMode: `${PREFIX}verifier-mode`,
} as const;

/** Label of a Namespace that an admin sets, US dollars as `200` or `12.50`: what its Trials and Sandboxes may cost in a month. A label, so that the policy about it costs nobody else anything. */
export const MONTHLY_BUDGET = `${PREFIX}monthly-budget`;

/** Label of a Namespace that an admin sets: whose the costs of its Trials and Sandboxes are. */
export const USER_ID = `${PREFIX}user-id`;
/** The same on their Pods, under the name of the cost allocation tag. */
export const COST_TAG = 'user_id';

/** What Pods of Trials and Sandboxes are labelled with for whoever adds up costs. */
export const costLabels = (
  namespace: { labels?: Record<string, string> } | undefined,
): Record<string, string> => {
  const user = namespace?.labels?.[USER_ID];
  return user === undefined ? {} : { [COST_TAG]: user };
};

/** Label of a Namespace that an admin sets: it is a researcher's, of the same name. */
export const RESEARCHER = `${PREFIX}researcher`;

/** Where tasks lie in the bucket; nothing else of it is read for a Trial. */
export const TASKS = 'tasks/';

/** Below `tasks/`, the folder of a researcher: in AWS nobody else may write there, and the researcher nowhere else. No namespace has a name with a slash. */
export const folderOf = (researcher: string): string => `researchers/${researcher}`;

/** The folder of the researcher whose Namespace it is; undefined for one that is nobody's. The label has no say in the name, or it would name somebody else's. */
export const ownFolder = (
  namespace: { metadata: { name: string; labels?: Record<string, string> } } | undefined,
): string | undefined =>
  namespace?.metadata.labels?.[RESEARCHER] === undefined ? undefined : folderOf(namespace.metadata.name);
/** An annotation is as long as 256 KiB; each request of a courier looks through the list. */
const PREFIXES_MAX = 100;

/** OpenShift's annotation of every namespace, as `1000680000/10000` or `1000680000-1000689999`: the users that its Pods may have under most SCCs. */
export const UID_RANGE = 'openshift.io/sa.scc.uid-range';

export interface UidRange {
  first: number;
  last: number;
}

export interface NamespaceRules {
  /** The prefixes, each ending with a slash. A sentence says why nothing may be read. */
  taskPrefixes: { readable: string[] } | { refused: string };
  /** Below `tasks/`; may be read whatever the prefixes are. Undefined where the namespace is no researcher's. */
  ownFolder?: string;
  /** Undefined where the namespace has no rule. */
  backgroundProcesses?: 'Keep' | 'Stop';
  /** Undefined where the namespace has no rule. A sentence says why its word is not taken. */
  verifierMode?: VerifierMode | { refused: string };
  /** Without root. Undefined where the namespace has none. */
  users?: UidRange;
}

/** The Namespace's annotations; undefined where there is no such Namespace. */
export type Annotations = Record<string, string> | undefined;

/** The rules in a Namespace's annotations. `requirePrefixes`: without the annotation nothing may be read, instead of every task; `own`: its `ownFolder`. */
export function namespaceRules(
  annotations: Annotations,
  { requirePrefixes, own }: { requirePrefixes: boolean; own?: string | undefined },
): NamespaceRules {
  const background = annotations?.[NAMESPACE_ANNOTATION.backgroundProcesses];
  return {
    taskPrefixes: taskPrefixes(annotations?.[NAMESPACE_ANNOTATION.taskPrefixes], requirePrefixes),
    // A word that nobody knows was meant as a rule: the stricter one holds.
    ...(background !== undefined && { backgroundProcesses: background === 'Keep' ? 'Keep' : 'Stop' }),
    ...present({
      ownFolder: own,
      verifierMode: verifierMode(annotations),
      users: uidRange(annotations),
    }),
  };
}

function verifierMode(annotations: Annotations): NamespaceRules['verifierMode'] {
  const name = NAMESPACE_ANNOTATION.verifierMode;
  const value = annotations?.[name];
  const mode = VERIFIER_MODES.find((known) => known === value);
  if (mode !== undefined || value === undefined) return mode;
  const quoted = JSON.stringify(value.slice(0, 100));
  return {
    refused: `the Namespace’s annotation ${name} is ${quoted}; expected ${VERIFIER_MODES.join(' or ')}`,
  };
}

const DOLLARS = /^\d{1,8}(\.\d{1,2})?$/;

/** What somebody wrote as a budget in millionths of a dollar; undefined where it is no amount. */
export const budgetOf = (dollars: string): number | undefined =>
  DOLLARS.test(dollars) ? Math.round(Number(dollars) * 1_000_000) : undefined;

/** Millionths of a dollar a month. A sentence says why its word is not taken. */
export type MonthlyBudget = number | { refused: string };

/** The budget of a Namespace, by its metadata; undefined where it has none. One that nobody can read was meant as one. */
export function monthlyBudget(
  metadata: { labels?: Record<string, string>; annotations?: Record<string, string> } | undefined,
): MonthlyBudget | undefined {
  const value = metadata?.labels?.[MONTHLY_BUDGET];
  if (value !== undefined) {
    const expected = `the Namespace’s label ${MONTHLY_BUDGET} is ${JSON.stringify(value)}; expected US dollars such as 200 or 12.50`;
    return budgetOf(value) ?? { refused: expected };
  }
  // All other rules are annotations, and so was this one.
  if (metadata?.annotations?.[MONTHLY_BUDGET] === undefined) return undefined;
  return {
    refused: `the Namespace has ${MONTHLY_BUDGET} as an annotation, which counts for nothing; expected a label`,
  };
}

/** The largest number of a user or group that the API server takes. */
export const ID_MAX = 2 ** 31 - 1;

/** The range in a Namespace's annotations; undefined where there is none, or none that OpenShift would take. */
export function uidRange(annotations: Annotations): UidRange | undefined {
  const [, start = '', sign, end] = /^(\d{1,10})([/-])(\d{1,10})$/.exec(annotations?.[UID_RANGE] ?? '') ?? [];
  if (sign === undefined) return undefined;
  const last = sign === '/' ? Number(start) + Number(end) - 1 : Number(end);
  const range = { first: Math.max(1, Number(start)), last };
  return range.first <= last && last <= ID_MAX ? range : undefined;
}

function taskPrefixes(value: string | undefined, required: boolean): NamespaceRules['taskPrefixes'] {
  const name = NAMESPACE_ANNOTATION.taskPrefixes;
  if (value === undefined)
    return required
      ? { refused: `this installation requires the annotation ${name} on the Namespace, which has none` }
      : { readable: [TASKS] };
  const prefixes = value.split(',').map((prefix) => `${prefix.trim().replace(/\/$/, '')}/`);
  if (prefixes.length > PREFIXES_MAX)
    return { refused: `the Namespace’s annotation ${name} lists more than ${PREFIXES_MAX} prefixes` };
  const wrong = prefixes.find((prefix) => !isTaskPrefix(prefix));
  if (wrong === undefined) return { readable: prefixes };
  const quoted = JSON.stringify(wrong.slice(0, 100));
  return { refused: `the Namespace’s annotation ${name} lists ${quoted}, which is no prefix under ${TASKS}` };
}

const isTaskPrefix = (prefix: string): boolean => prefix.startsWith(TASKS) && isPlainKey(prefix.slice(0, -1));

/** Whether no segment of a key is empty, `.` or `..`. */
export const isPlainKey = (key: string): boolean =>
  key.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');

/** Why the object or prefix `key` may not be read from `namespace`; undefined where it may. Whole segments count: `tasks/a` opens no `tasks/ab`. */
export function unreadable(
  { taskPrefixes: prefixes, ownFolder: own }: NamespaceRules,
  { key, namespace }: { key: string; namespace: string },
): string | undefined {
  if (own !== undefined && `${key}/`.startsWith(`${TASKS}${own}/`)) return undefined;
  const reading = `namespace ${namespace} may not read ${key}`;
  if ('refused' in prefixes) return `${reading}: ${prefixes.refused}`;
  if (prefixes.readable.some((prefix) => `${key}/`.startsWith(prefix))) return undefined;
  return `${reading}: the Namespace’s annotation ${NAMESPACE_ANNOTATION.taskPrefixes} allows ${listed(prefixes.readable)}`;
}

const SHOWN = 5;
const listed = (prefixes: string[]): string =>
  prefixes.length <= SHOWN
    ? prefixes.join(', ')
    : `${prefixes.slice(0, SHOWN).join(', ')} and ${prefixes.length - SHOWN} more`;
