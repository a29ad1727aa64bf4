import type { Sandbox } from '../../../src/crds/sandbox.ts';
import { standing } from '../builders/sandboxes.ts';

/** A Sandbox `box` in `default`, that stands so by this reason. */
export const aSandbox = (reason = 'Ready', over: Partial<Sandbox> = {}): Sandbox => ({
  apiVersion: 'sb.abundant.ai/v1alpha1',
  kind: 'Sandbox',
  metadata: {
    namespace: 'default',
    name: 'box',
    generation: 1,
    uid: 'u',
    creationTimestamp: '2026-01-31T14:00:00Z',
  },
  spec: { image: 'debian:13', operatingMode: 'Running', expiryAction: 'Delete', recreatePolicy: 'Never' },
  status: {
    conditions: [
      {
        ...standing(reason),
        message: `because of ${reason}`,
        lastTransitionTime: '2026-01-31T14:00:00Z',
        observedGeneration: 99,
      },
    ],
  },
  ...over,
});
