/** What a namespace of Trials and the volumes of its Sandboxes have on AWS. */
import type { KubeObject } from '../../../kube/types.ts';
import { TAGS } from '../names.ts';
import type { NodeValues } from './values.ts';

/** Of Sandboxes' volumes that name no other. */
export const STORAGE_CLASS = 'sb-gp3';

interface StorageClass extends KubeObject {
  provisioner: string;
  parameters: Record<string, string>;
  volumeBindingMode: 'WaitForFirstConsumer';
  reclaimPolicy: 'Delete';
  allowVolumeExpansion: boolean;
}

/** Of the driver of EKS Auto Mode, which has another name than the add-on's. */
export const storageClass = ({ stack }: Pick<NodeValues, 'stack'>): StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: {
    name: STORAGE_CLASS,
    // EKS has no default of its own that Auto Mode can make volumes of.
    annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
  },
  provisioner: 'ebs.csi.eks.amazonaws.com',
  parameters: {
    type: 'gp3',
    encrypted: 'true',
    tagSpecification_1: `${TAGS.stack}=${stack}`,
    tagSpecification_2: `${TAGS.part}=volumes`,
  },
  volumeBindingMode: 'WaitForFirstConsumer',
  reclaimPolicy: 'Delete',
  allowVolumeExpansion: true,
});

interface LimitRange extends KubeObject {
  spec: {
    limits: {
      type: 'Container';
      defaultRequest: Record<string, string>;
      default: Record<string, string>;
    }[];
  };
}

/** For what runs beside Trials and says nothing of itself: Trials and Sandboxes carry their own. A container without a limit of disk can fill a node's; one of memory would change what a Trial may use. */
export const limitRange = (namespace: string): LimitRange => ({
  apiVersion: 'v1',
  kind: 'LimitRange',
  metadata: { name: 'sb-defaults', namespace },
  spec: {
    limits: [
      {
        type: 'Container',
        defaultRequest: { cpu: '100m', memory: '128Mi', 'ephemeral-storage': '1Gi' },
        default: { 'ephemeral-storage': '16Gi' },
      },
    ],
  },
});
