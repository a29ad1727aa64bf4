/** What an API server, the controllers and the kubelets do of their own, in an API server in memory; and an installation's images, which are there. */
import { kindOf } from '../../../src/client/cloud/cluster/apply.ts';
import type { ToolImages } from '../../../src/client/cloud/cluster/images.ts';
import { holderOf, OPERATOR, OPERATOR_LABELS } from '../../../src/installation/names.ts';
import { Event, Lease, Pod } from '../../../src/kube/kinds.ts';
import type { Kind, KubeObject } from '../../../src/kube/types.ts';
import type { ApiServer } from '../api-server.ts';
import { ARTIFACTS } from '../cloud.ts';

const kind = (apiVersion: string, name: string): Kind<KubeObject> => kindOf({ apiVersion, kind: name });
export const STATEFUL_SET = kind('apps/v1', 'StatefulSet');
export const DAEMON_SET = kind('apps/v1', 'DaemonSet');
export const CRD = kind('apiextensions.k8s.io/v1', 'CustomResourceDefinition');
export const SERVICE = kind('v1', 'Service');
export const POOL = kind('karpenter.sh/v1', 'NodePool');
export const CLAIM: Kind<KubeObject> = { ...POOL, kind: 'NodeClaim', plural: 'nodeclaims' };

export const DIGEST = `sha256:${'1'.repeat(64)}`;
export const IMAGES: ToolImages = {
  areThere: async () => true,
  names: async () => ({
    operator: `${ARTIFACTS.Operator}@${DIGEST}`,
    buildKit: `${ARTIFACTS.BuildKit}@${DIGEST}`,
    fluentBit: `${ARTIFACTS.Tools}/fluent-bit@${DIGEST}`,
  }),
};

export const put = (server: ApiServer, of: Kind<KubeObject>, object: object): KubeObject =>
  server.collection(of).create({ apiVersion: 'v1', kind: of.kind, ...object } as never);

export interface Lives {
  /** Of the operator; default: it runs. */
  pod?: object;
  /** Replicas of the operator that are ready; default: both. */
  ready?: number;
  /** Why no Pods of the operator are made. */
  refused?: string;
  /** Whether CRDs are served; default: they are. */
  served?: boolean;
}

/** What happens meanwhile. */
export function live(server: ApiServer, { served = true, ...lives }: Lives = {}): void {
  const status = { conditions: [{ type: 'Established', status: 'True' }] };
  if (served) for (const crd of server.collection(CRD).objects.values()) Object.assign(crd, { status });
  const statefulSet = server.collection(STATEFUL_SET).objects.get(`${OPERATOR.namespace}/${OPERATOR.name}`);
  if (statefulSet) rollOut(server, statefulSet, lives);
}

function rollOut(
  server: ApiServer,
  statefulSet: KubeObject,
  { pod, ready = 2, refused: message }: Lives,
): void {
  Object.assign(statefulSet, {
    status: {
      observedGeneration: statefulSet.metadata.generation ?? 1,
      replicas: 2,
      updatedReplicas: 2,
      readyReplicas: ready,
    },
  });
  const { namespace, name } = OPERATOR;
  const pods = server.collection(Pod);
  // Another Pod takes the place of one that was seen in another state.
  if (pods.objects.has(`${namespace}/op-1`)) pods.delete(namespace, 'op-1');
  if (message !== undefined) {
    const about = { involvedObject: { uid: statefulSet.metadata.uid }, reason: 'FailedCreate', message };
    if (server.collection(Event).objects.size === 0)
      put(server, Event, { metadata: { namespace, name: 'refused' }, ...about });
    return;
  }
  const made = put(server, Pod, {
    metadata: { namespace, name: 'op-1', labels: { ...OPERATOR_LABELS } },
    ...pod,
  });
  if (ready === 2 && !server.collection(Lease).objects.has(`${namespace}/${name}`))
    put(server, Lease, { metadata: { namespace, name }, spec: { holderIdentity: holderOf(made.metadata) } });
}
