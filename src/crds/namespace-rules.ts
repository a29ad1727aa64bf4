/**
 * Pure: what the admins of a cluster decide for a namespace, in annotations of the Namespace object. Writing a Namespace is a right in the
 * whole cluster: the roles `edit` and `admin` of a namespace do not have it.
 */
import { PREFIX } from './names.ts';

export const NAMESPACE_ANNOTATION = {
  /** Prefixes under `tasks/` that Trials and TaskBuilds of the namespace may read, as `tasks/team-a/,tasks/shared/`. */
  taskPrefixes: `${PREFIX}task-prefixes`,
  /** `Keep` or `Stop`: what becomes of processes that the agent left running when the tests appear. */
  backgroundProcesses: `${PREFIX}background-processes`,
} as const;

/** Every task of the bucket lies under this. */
/** Where tasks lie in the bucket; nothing else of it is read for a Trial. */
export const TASKS = 'tasks/';
/** An annotation is as long as 256 KiB; each request of a courier looks through the list. */
const PREFIXES_MAX = 100;

export interface NamespaceRules {
  /** The prefixes, each ending with a slash. A sentence says why nothing may be read. */
  taskPrefixes: { readable: string[] } | { refused: string };
  /** Undefined where the namespace has no rule. */
  backgroundProcesses?: 'Keep' | 'Stop';
}

/** The Namespace's annotations; undefined where there is no such Namespace. */
export type Annotations = Record<string, string> | undefined;

/** The rules in a Namespace's annotations. `requirePrefixes`: without the annotation nothing may be read, instead of every task. */
export function namespaceRules(
  annotations: Annotations,
  { requirePrefixes }: { requirePrefixes: boolean },
): NamespaceRules {
  const background = annotations?.[NAMESPACE_ANNOTATION.backgroundProcesses];
  return {
    taskPrefixes: taskPrefixes(annotations?.[NAMESPACE_ANNOTATION.taskPrefixes], requirePrefixes),
    // A word that nobody knows was meant as a rule: the stricter one holds.
    ...(background !== undefined && { backgroundProcesses: background === 'Keep' ? 'Keep' : 'Stop' }),
  };
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
  { taskPrefixes: prefixes }: NamespaceRules,
  { key, namespace }: { key: string; namespace: string },
): string | undefined {
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
