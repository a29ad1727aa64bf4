/** What the objects of a cluster on AWS are made of, beside the operator's own. */
import type { AwsPlace } from '../names.ts';

export interface NodeValues {
  stack: string;
  /** Name of the role of nodes: the one that the cluster's own pools have, for which EKS has made the access entry. */
  nodeRole: string;
  subnetIds: readonly string[];
  /** Of nodes and control plane. */
  securityGroup: string;
  /** How many GPUs nodes may have together; undefined: there is no pool of nodes with GPUs, or it stays as it is. */
  gpus?: number | undefined;
}

export interface LogValues {
  region: string;
  /** `SB_LOG_GROUP`. */
  logGroup: string;
  /** Namespaces of Trials. */
  namespaces: readonly string[];
  /** Image of Fluent Bit, by digest. */
  fluentBit: string;
}

export type AwsClusterValues = AwsPlace & NodeValues & LogValues;

/** For `config/aws/cluster`, where an admin puts theirs in. */
export const EXAMPLE: AwsClusterValues = {
  stack: 'abundant-sb',
  account: '123456789012',
  region: 'us-east-1',
  nodeRole: 'abundant-sb-cluster-NodeRole-EXAMPLE',
  subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
  securityGroup: 'sg-0123456789abcdef0',
  logGroup: '/sb/eks/logs',
  namespaces: ['agents'],
  fluentBit: `123456789012.dkr.ecr.us-east-1.amazonaws.com/abundant-sb-tools/fluent-bit@sha256:${'0'.repeat(64)}`,
};
