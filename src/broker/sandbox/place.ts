/** Pure: which Sandbox a request of a person or a program is about. */
import type { ObjectKey } from '../../kube/types.ts';

export interface Place extends ObjectKey {
  what: 'session' | 'connect';
}

/** Names of namespaces, and of objects of ours. */
const NAMESPACE = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
const NAME = '[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?';
const PATH = new RegExp(
  `^/v1/namespaces/(?<namespace>${NAMESPACE})/sandboxes/(?<name>${NAME})/(?<what>session|connect)$`,
);

/** The place that a path without its query names. */
export function placeOf(path: string): Place | undefined {
  const { namespace, name, what } = PATH.exec(path)?.groups ?? {};
  if (namespace === undefined || name === undefined) return undefined;
  return { namespace, name, what: what as Place['what'] };
}
