/** Pure: the Job of one attempt, of a Trial or of a TaskBuild. */
import { ARGO_LOOKS_AWAY } from '../../crds/gitops.ts';
import { bounded, LABEL } from '../../crds/names.ts';
import type { Job } from '../../kube/kinds.ts';
import { controlledBy, OWNER_LABEL, type Owner, type OwnerKind } from '../ownership.ts';
import type { PodSpec } from '../reading/containers.ts';

type Marks = Record<string, string>;

export interface Attempt {
  owner: Owner & { kind: OwnerKind };
  number: number;
  /** Labels of Job and Pod beside those that say whose they are. */
  labels?: Marks;
  /** Annotations of the Pod. */
  annotations?: Marks;
  pod: PodSpec;
  job: {
    name: string;
    /** Of the Job alone. */
    labels?: Marks;
    annotations?: Marks;
    /** Whether a foreground deletion of the owner waits for the Job. */
    blocksOwner?: boolean;
    spec?: Omit<NonNullable<Job['spec']>, 'template' | 'backoffLimit'>;
  };
}

/** It runs once: another attempt is another Job. */
export function attemptJob({ owner, number, labels: more, annotations = {}, pod, job }: Attempt): Job {
  const labels = {
    [OWNER_LABEL[owner.kind]]: bounded(owner.metadata.name),
    [LABEL.attempt]: String(number),
    ...more,
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: job.name,
      namespace: owner.metadata.namespace ?? '',
      annotations: { ...job.annotations, ...ARGO_LOOKS_AWAY },
      labels: { ...labels, ...job.labels },
      ownerReferences: [{ ...controlledBy(owner), ...(job.blocksOwner && { blockOwnerDeletion: true }) }],
    },
    spec: {
      backoffLimit: 0,
      ...job.spec,
      template: {
        metadata: {
          labels,
          annotations: { ...annotations, ...ARGO_LOOKS_AWAY, 'karpenter.sh/do-not-disrupt': 'true' },
        },
        spec: pod,
      },
    },
  };
}
