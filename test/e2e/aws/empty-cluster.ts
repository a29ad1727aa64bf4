/** The local cluster as EKS Auto Mode hands one over: without an operator, with the CRDs of nodes, and with Pods that get at AWS. */
import { operatorObjects } from '../../../src/client/cloud/cluster/operator.ts';
import { POOL_LABEL, SYSTEM_POOL } from '../../../src/installation/aws/cluster/nodes.ts';
import { clusterObjects } from '../../../src/installation/aws/cluster/objects.ts';
import { EXAMPLE } from '../../../src/installation/aws/cluster/values.ts';
import { OPERATOR, STORE_SECRET } from '../../../src/installation/names.ts';
import { DEFAULTS } from '../../../src/installation/values.ts';
import { ownVersion } from '../../../src/installation/version.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import { areEstablished, kubectl, kubectlOk } from '../../support/cluster.ts';
import { nodes } from '../cluster/index.ts';
import { removeOperator } from '../support/helm.ts';
import { karpenterCrd } from '../support/karpenter.ts';
import { deployLocal } from './account.ts';

/** EKS publishes no definition of its NodeClass: this one takes whatever is said. */
const nodeClassCrd = (): object => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'nodeclasses.eks.amazonaws.com' },
  spec: {
    group: 'eks.amazonaws.com',
    scope: 'Cluster',
    names: { kind: 'NodeClass', plural: 'nodeclasses', singular: 'nodeclass' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
});

const CRDS = ['nodepools.karpenter.sh', 'nodeclaims.karpenter.sh', 'nodeclasses.eks.amazonaws.com'];
const apply = (object: object): Promise<string> =>
  kubectlOk(['apply', '--server-side', '--force-conflicts', '-f', '-'], object);
const listOf = (items: readonly object[]): object => ({ apiVersion: 'v1', kind: 'List', items });

/** Takes the cluster's own operator away, and makes it what EKS makes. `operatorEnv`: what Pod Identity and AWS's own names do there. */
export async function emptyCluster(operatorEnv: Record<string, string>): Promise<void> {
  await removeOperator();
  const crds = [await karpenterCrd('nodepools'), await karpenterCrd('nodeclaims'), nodeClassCrd()];
  await apply(listOf(crds));
  await areEstablished(CRDS.map((name) => `crd/${name}`));
  await kubectlOk(['label', 'node', ...nodes, `${POOL_LABEL}=${SYSTEM_POOL.name}`, '--overwrite']);
  const metadata = { name: STORE_SECRET, namespace: OPERATOR.namespace };
  await apply(
    listOf([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: OPERATOR.namespace } },
      { apiVersion: 'v1', kind: 'Secret', metadata, stringData: operatorEnv },
    ]),
  );
}

/** Every object that an installation on AWS has in its cluster, but for CRDs of ours, with which every Trial would go. */
export const installedObjects = (): KubeObject[] =>
  [
    ...operatorObjects({ ...DEFAULTS, version: ownVersion() }),
    ...Object.values(clusterObjects({ ...EXAMPLE, namespaces: [] })),
  ].filter(({ kind }) => kind !== 'CustomResourceDefinition');

/** What goes when EKS deletes a cluster; then the cluster's own operator again. */
export async function restoreCluster(): Promise<void> {
  const trials = EXAMPLE.namespaces[0] ?? '';
  // While there is an operator that lets them go.
  for (const kind of ['trials', 'sandboxes', 'taskbuilds'])
    await kubectl(['delete', kind, '--all', '-n', trials, '--timeout=60s']);
  await kubectl(['delete', '--ignore-not-found', '-f', '-'], listOf(installedObjects()));
  await kubectlOk(['delete', 'crd', ...CRDS, '--ignore-not-found']);
  await kubectlOk(['label', 'node', ...nodes, `${POOL_LABEL}-`]);
  await deployLocal();
}
