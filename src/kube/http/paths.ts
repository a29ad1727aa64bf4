import type { Kind, KubeObject, ObjectKey } from '../types.ts';

/** A kind without its object type: all that a path needs. */
export type Resource = Pick<Kind<KubeObject>, 'group' | 'version' | 'plural'>;

/** Path of a collection; without a namespace, of all namespaces. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root =
    resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.plural}`;
}

/** Path of one object. Throws where the name would make it the path of something else: of all objects, above all. */
export function objectPath(resource: Resource, key: ObjectKey): string {
  if (/^\.{0,2}$/.test(key.name))
    throw new Error(`${resource.plural}: ${JSON.stringify(key.name)} is no name`);
  return `${collectionPath(resource, key.namespace)}/${encodeURIComponent(key.name)}`;
}

/** `?a=1&b=2` of the values that are set; empty when none is. */
export function queryString(query: Record<string, string | number | boolean | undefined> = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

/** `apiVersion` of a kind's objects. */
export function apiVersionOf(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}
