/** Pure: an object as the watch caches keep it. */
import type { KubeObject } from '../kube/types.ts';
import { PREFIX } from './names.ts';

/** Nobody of ours reads more of a mark of others. */
const ALSO_MAX = 256;

const own = (marks: Record<string, string>, also: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    Object.entries(marks).flatMap(([key, value]) => {
      if (key.startsWith(PREFIX)) return [[key, value]];
      return also.includes(key) ? [[key, value.slice(0, ALSO_MAX)]] : [];
    }),
  );

/**
 * The object without what others write about it and nobody of ours reads: labels and annotations in other names, finalizers, owners that do not
 * control it. Anybody may write a mebibyte of those. The API server takes nothing of them from a write of the status. `also`: labels and annotations
 * that are read all the same.
 */
export function withOwnMarks<T extends KubeObject>(object: T, also: readonly string[] = []): T {
  const { labels, annotations, finalizers: _, ownerReferences, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(labels && { labels: own(labels, also) }),
      ...(annotations && { annotations: own(annotations, also) }),
      ...(ownerReferences && { ownerReferences: ownerReferences.filter(({ controller }) => controller) }),
    },
  };
}
