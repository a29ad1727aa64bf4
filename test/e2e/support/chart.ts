/** Objects as kustomize and Helm render them, made comparable: without what is one's own way of saying the same. */
import { loadAll } from 'js-yaml';
import type { KubeObject } from '../../../src/kube/types.ts';

const OF_HELM =
  /^(helm\.sh\/chart|app\.kubernetes\.io\/(instance|managed-by|version|part-of)|helm\.sh\/resource-policy|checksum\/config)$/;
/** Behind the name of a ConfigMap that kustomize makes. */
const HASH = /^(sb-operator-settings)-[a-z0-9]{10}$/;

/** Variables that are maps, whose order says nothing. */
const MAPS = /^SB_[A-Z_]+_MIRRORS$/;
const inOrder = (text: string): string => text.split(',').toSorted().join(',');

/** Without Helm's labels and annotations, empty maps and lists, and empty variables, which count as missing ones. */
function plain(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(HASH, '$1');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key]) => !OF_HELM.test(key))
    .map(([key, below]) => [key, MAPS.test(key) ? inOrder(below as string) : plain(below)] as const)
    .filter(([key, below]) => !isEmpty(below) && !(key.startsWith('SB_') && below === ''));
  return Object.fromEntries(entries);
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);

const isHook = ({ metadata }: KubeObject): boolean => metadata.annotations?.['helm.sh/hook'] !== undefined;

/** All objects but tests of the chart, by kind, namespace and name. */
export const objectsOf = (yaml: string): KubeObject[] =>
  (loadAll(yaml) as (KubeObject | null)[]).filter(
    (object): object is KubeObject => object !== null && !isHook(object),
  );

/** What they say, by kind, namespace and name; kinds in `without` are left out. */
export const comparable = (yaml: string, without: readonly string[] = []): Record<string, unknown> =>
  Object.fromEntries(
    objectsOf(yaml)
      .filter(({ kind }) => !without.includes(kind))
      .map((object) => plain(object) as KubeObject)
      .map((object) => [`${object.kind} ${object.metadata.namespace ?? ''} ${object.metadata.name}`, object]),
  );
