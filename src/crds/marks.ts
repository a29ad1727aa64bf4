/** Pure: an object as the watch caches keep it. */
import type { KubeObject } from '../kube/types.ts';
import { PREFIX } from './names.ts';

const own = (marks: Record<string, string>, also: readonly string[] = []): Record<string, string> =>
  Object.fromEntries(Object.entries(marks).filter(([key]) => key.startsWith(PREFIX) || also.includes(key)));

/**
 * The object without what others write about it and nobody of ours reads: labels and annotations in other names, finalizers, owners that do not
 * control it. Anybody may write a mebibyte of those. The API server takes nothing of them from a write of the status. `also`: annotations that are read
 * all the same.
 */
export function withOwnMarks<T extends KubeObject>(object: T, also?: readonly string[]): T {
  const { labels, annotations, finalizers: _, ownerReferences, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(labels && { labels: own(labels) }),
      ...(annotations && { annotations: own(annotations, also) }),
      ...(ownerReferences && { ownerReferences: ownerReferences.filter(({ controller }) => controller) }),
    },
  };
}
