/** Where Pods of Trials run: nodes that EKS Auto Mode makes as they are asked for, and takes away when nothing is on them. */
import type { KubeObject } from '../../../kube/types.ts';
import { TAGS } from '../names.ts';
import type { NodeValues } from './values.ts';

/** Name of the pool, and of the class of its nodes. */
export const TRIAL_NODES = 'sb-trials';

/** Name of the pool of nodes with GPUs, which are of the same class. */
export const GPU_NODES = 'sb-gpus';

/** On each of their nodes: Karpenter's own label. */
export const POOL_LABEL = 'karpenter.sh/nodepool';

/** The pool of EKS itself, for what belongs to the cluster: on demand, and closed to Pods that do not tolerate its taint. */
export const SYSTEM_POOL = { name: 'system', taint: 'CriticalAddonsOnly' } as const;

const HOURS = { lifetime: 24, drain: 24 } as const;

/** As Auto Mode gives no way to attach a disk of another size later. */
const DISK = '100Gi';
/** What all nodes together may have, so that a mistake has a price that is known. */
const LIMITS = { cpu: '1000', memory: '4000Gi', nodes: '100' } as const;

/** `eks.amazonaws.com/v1`: EKS publishes no schema of it; the fields are those of its user guide. */
export interface NodeClass extends KubeObject {
  spec: {
    role: string;
    subnetSelectorTerms: { id: string }[];
    securityGroupSelectorTerms: { id: string }[];
    networkPolicy: 'DefaultAllow' | 'DefaultDeny';
    ephemeralStorage: { size: string };
    tags: Record<string, string>;
  };
}

export const nodeClass = (values: NodeValues): NodeClass => ({
  apiVersion: 'eks.amazonaws.com/v1',
  kind: 'NodeClass',
  metadata: { name: TRIAL_NODES },
  spec: {
    role: values.nodeRole,
    subnetSelectorTerms: values.subnetIds.map((id) => ({ id })),
    securityGroupSelectorTerms: [{ id: values.securityGroup }],
    networkPolicy: 'DefaultAllow',
    ephemeralStorage: { size: DISK },
    tags: { [TAGS.stack]: values.stack, [TAGS.part]: 'nodes' },
  },
});

export interface NodePool extends KubeObject {
  spec: {
    template: {
      spec: {
        nodeClassRef: { group: string; kind: string; name: string };
        requirements: { key: string; operator: string; values: string[] }[];
        taints?: { key: string; effect: 'NoSchedule' }[];
        expireAfter: string;
        terminationGracePeriod: string;
      };
    };
    limits: Record<string, string>;
    disruption: {
      consolidationPolicy: 'WhenEmpty';
      consolidateAfter: string;
      budgets: { nodes: string; reasons: ('Empty' | 'Drifted')[] }[];
    };
  };
}

type Requirements = NodePool['spec']['template']['spec']['requirements'];

const anyOf = (key: string, ...values: string[]) => ({ key, operator: 'In', values });

interface Wish {
  requirements: Requirements;
  limits: Record<string, string>;
  taints?: { key: string; effect: 'NoSchedule' }[];
}

const pool = (name: string, { requirements, limits, taints }: Wish): NodePool => ({
  apiVersion: 'karpenter.sh/v1',
  kind: 'NodePool',
  metadata: { name },
  spec: {
    template: {
      spec: {
        nodeClassRef: { group: 'eks.amazonaws.com', kind: 'NodeClass', name: TRIAL_NODES },
        ...(taints && { taints }),
        requirements: [anyOf('kubernetes.io/arch', 'amd64'), ...requirements],
        expireAfter: `${HOURS.lifetime}h`,
        // Pods of Trials ask not to be disturbed; after so long a node goes all the same. EKS itself ends one after 21 days.
        terminationGracePeriod: `${HOURS.drain}h`,
      },
    },
    limits,
    disruption: {
      // Moving a Trial to another node would begin it anew.
      consolidationPolicy: 'WhenEmpty',
      consolidateAfter: '60s',
      // By default a tenth of the nodes goes at a time: the last of a hundred idle ones would be paid for ten minutes longer.
      budgets: [
        { nodes: '100%', reasons: ['Empty'] },
        { nodes: '10%', reasons: ['Drifted'] },
      ],
    },
  },
});

/** No taint: Trials tolerate what they themselves name, and nothing else. */
export const nodePool = (): NodePool =>
  pool(TRIAL_NODES, {
    requirements: [
      anyOf('karpenter.sh/capacity-type', 'spot', 'on-demand'),
      anyOf('eks.amazonaws.com/instance-category', 'c', 'm', 'r'),
      { key: 'eks.amazonaws.com/instance-generation', operator: 'Gt', values: ['4'] },
    ],
    limits: { ...LIMITS },
  });

/** What NVIDIA's device plugin calls them, and the taint of nodes that have some. */
const GPU = 'nvidia.com/gpu';
/** As tasks call them: those of EC2's families G, which a new account gets on demand by one quota. */
const GPU_TYPES = ['t4', 'l4', 'a10g'] as const;
/** What a node has beside each of its GPUs at most. */
const BESIDE_GPU = { cpus: 16, gibibytes: 64 } as const;

/** So many GPUs together at most. Trials that ask for some tolerate the taint; nothing else goes to these nodes. On demand: few of them are to be had as spot instances. */
export const gpuPool = (gpus: number): NodePool =>
  pool(GPU_NODES, {
    taints: [{ key: GPU, effect: 'NoSchedule' }],
    requirements: [
      anyOf('karpenter.sh/capacity-type', 'on-demand'),
      anyOf('eks.amazonaws.com/instance-gpu-name', ...GPU_TYPES),
    ],
    limits: {
      cpu: String(gpus * BESIDE_GPU.cpus),
      memory: `${gpus * BESIDE_GPU.gibibytes}Gi`,
      [GPU]: String(gpus),
      nodes: String(gpus),
    },
  });

/** Without it NetworkPolicies are not enforced by EKS Auto Mode. */
export const networkPolicies = (): KubeObject & { data: Record<string, string> } => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'amazon-vpc-cni', namespace: 'kube-system' },
  data: { 'enable-network-policy-controller': 'true' },
});
