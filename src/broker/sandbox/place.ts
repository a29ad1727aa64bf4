/** Pure: which Sandbox or Trial a request of a person or a program is about. */
import { ENTERED, type Entered, type EnteredKey } from '../../wire/sandbox/names.ts';

export interface Place extends EnteredKey {
  what: 'session' | 'connect';
}

/** Names of namespaces, and of objects of ours. */
const NAMESPACE = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
const NAME = '[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?';
const PATH = new RegExp(
  `^/v1/namespaces/(?<namespace>${NAMESPACE})/(?<resource>${ENTERED.join('|')})/(?<name>${NAME})/(?<what>session|connect)$`,
);

/** The place that a path without its query names. */
export function placeOf(path: string): Place | undefined {
  const { resource, namespace, name, what } = PATH.exec(path)?.groups ?? {};
  if (namespace === undefined || name === undefined) return undefined;
  const kind = resource === 'sandboxes' ? {} : { resource: resource as Entered };
  return { ...kind, namespace, name, what: what as Place['what'] };
}
