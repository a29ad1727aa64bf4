/** Kinds that only `sb doctor` reads, with the parts it looks at. */
import type { Kind, KubeObject } from '../../../kube/types.ts';

export interface Deployment extends KubeObject {
  spec?: { replicas?: number };
  status?: { replicas?: number; readyReplicas?: number };
}
export const Deployment: Kind<Deployment> = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};

export interface EndpointSlice extends KubeObject {
  endpoints?: { conditions?: { ready?: boolean } }[] | null;
}
export const EndpointSlice: Kind<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
};

export interface ResourceQuota extends KubeObject {
  status?: { hard?: Record<string, string>; used?: Record<string, string> };
}
export const ResourceQuota: Kind<ResourceQuota> = {
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  namespaced: true,
};

/** The answer has the API server's clock in its creationTimestamp. */
export interface SelfSubjectReview extends KubeObject {
  status?: { userInfo?: { username?: string } };
}
export const SelfSubjectReview: Kind<SelfSubjectReview> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  namespaced: false,
};

/** As Karpenter's objects and those of EKS Auto Mode have them. */
export interface ReadyCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}
export interface NodePool extends KubeObject {
  spec?: {
    template?: { spec?: { nodeClassRef?: { group: string; kind: string; name: string } } };
    limits?: Record<string, string | number>;
  };
  status?: { conditions?: ReadyCondition[]; resources?: Record<string, string | number> };
}
export interface NodeClass extends KubeObject {
  status?: { conditions?: ReadyCondition[] };
}
