/** The built-in kinds this project uses, with the parts of their objects it reads or writes. */
import type {
  V1ConfigMap,
  V1StatefulSetSpec,
  V1StatefulSetStatus,
  V1JobSpec,
  V1JobStatus,
  V1NamespaceStatus,
  V1NodeSpec,
  V1NodeStatus,
  V1NetworkPolicySpec,
  V1PersistentVolumeClaimSpec,
  V1PersistentVolumeClaimStatus,
  V1PodDisruptionBudgetSpec,
  V1PodSpec,
  V1PodStatus,
  V1ServiceSpec,
  V1ValidatingAdmissionPolicyBindingSpec,
  V1ValidatingAdmissionPolicySpec,
} from '@kubernetes/client-node';
import type { Kind, KubeObject } from './types.ts';

/** client-node types timestamps as Date; on the wire, and so here, they are strings. */
export type Wire<T> = T extends Date ? string : T extends object ? { [K in keyof T]: Wire<T[K]> } : T;

export interface Pod extends KubeObject {
  spec?: Wire<V1PodSpec>;
  status?: Wire<V1PodStatus>;
}
export interface Job extends KubeObject {
  spec?: Wire<V1JobSpec>;
  status?: Wire<V1JobStatus>;
}
export interface Node extends KubeObject {
  spec?: Wire<V1NodeSpec>;
  status?: Wire<V1NodeStatus>;
}
export interface Namespace extends KubeObject {
  status?: Wire<V1NamespaceStatus>;
}
export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
  binaryData?: NonNullable<V1ConfigMap['binaryData']>;
  immutable?: boolean;
}
export interface Secret extends KubeObject {
  type?: string;
  /** Values are base64. */
  data?: Record<string, string>;
  stringData?: Record<string, string>;
}
export interface PersistentVolumeClaim extends KubeObject {
  spec?: Wire<V1PersistentVolumeClaimSpec>;
  status?: Wire<V1PersistentVolumeClaimStatus>;
}
export interface StatefulSet extends KubeObject {
  spec?: Wire<V1StatefulSetSpec>;
  status?: Wire<V1StatefulSetStatus>;
}
export interface Service extends KubeObject {
  spec?: Wire<V1ServiceSpec>;
}
export interface PodDisruptionBudget extends KubeObject {
  spec?: Wire<V1PodDisruptionBudgetSpec>;
}
export interface PriorityClass extends KubeObject {
  value: number;
  description?: string;
}
export interface ValidatingAdmissionPolicy extends KubeObject {
  spec: Wire<V1ValidatingAdmissionPolicySpec>;
}
export interface ValidatingAdmissionPolicyBinding extends KubeObject {
  spec: Wire<V1ValidatingAdmissionPolicyBindingSpec>;
}
export interface NetworkPolicy extends KubeObject {
  spec?: Wire<V1NetworkPolicySpec>;
}
export interface EndpointSlice extends KubeObject {
  endpoints?: { addresses: string[]; conditions?: { ready?: boolean } }[] | null;
}
export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    /** RFC 3339 with microseconds. */
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}
/** What an Event is about. */
export interface ObjectReference {
  apiVersion: string;
  kind: string;
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
}
export interface Event extends KubeObject {
  involvedObject: ObjectReference;
  reason: string;
  message: string;
  type: 'Normal' | 'Warning';
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
  source: { component: string };
  reportingComponent: string;
  reportingInstance: string;
}

const namespaced = { version: 'v1', namespaced: true } as const;
const cluster = { version: 'v1', namespaced: false } as const;

export const Pod: Kind<Pod> = { ...namespaced, group: '', kind: 'Pod', plural: 'pods' };
export const ConfigMap: Kind<ConfigMap> = {
  ...namespaced,
  group: '',
  kind: 'ConfigMap',
  plural: 'configmaps',
};
export const Secret: Kind<Secret> = { ...namespaced, group: '', kind: 'Secret', plural: 'secrets' };
export const Event: Kind<Event> = { ...namespaced, group: '', kind: 'Event', plural: 'events' };
export const StatefulSet: Kind<StatefulSet> = {
  ...namespaced,
  group: 'apps',
  kind: 'StatefulSet',
  plural: 'statefulsets',
};
export const Job: Kind<Job> = { ...namespaced, group: 'batch', kind: 'Job', plural: 'jobs' };
export const Lease: Kind<Lease> = {
  ...namespaced,
  group: 'coordination.k8s.io',
  kind: 'Lease',
  plural: 'leases',
};
export const NetworkPolicy: Kind<NetworkPolicy> = {
  ...namespaced,
  group: 'networking.k8s.io',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
};
export const EndpointSlice: Kind<EndpointSlice> = {
  ...namespaced,
  group: 'discovery.k8s.io',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
};
export const PersistentVolumeClaim: Kind<PersistentVolumeClaim> = {
  ...namespaced,
  group: '',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
};
export const Node: Kind<Node> = { ...cluster, group: '', kind: 'Node', plural: 'nodes' };
export const Namespace: Kind<Namespace> = { ...cluster, group: '', kind: 'Namespace', plural: 'namespaces' };
