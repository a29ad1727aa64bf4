import type { Permission } from '../kube/types.ts';

/**
 * What the broker does at the API server: it asks for what the caches do not hold yet, keeps its certificate in the Secret `certificate` and its
 * CA in the ConfigMap `authority`, and has the API server say who a caller is and what they may do. The CA of client certificates it may read by a Role
 * of Kubernetes' own (`src/installation/roles.ts`).
 */
export const brokerPermissions = ({
  certificate,
  authority,
}: Record<'certificate' | 'authority', string>): Permission[] => [
  { group: '', resources: ['pods'], verbs: ['get'] },
  // The annotations on them say which tasks may be read.
  { group: '', resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
  { group: 'batch', resources: ['jobs'], verbs: ['get'] },
  // A task may lie in one.
  { group: '', resources: ['configmaps'], verbs: ['get'] },
  { group: 'sb.abundant.ai', resources: ['trials', 'taskbuilds', 'sandboxes'], verbs: ['get'] },
  { group: '', resources: ['secrets'], verbs: ['get', 'update'], names: [certificate], scope: 'own' },
  { group: '', resources: ['configmaps'], verbs: ['get', 'update'], names: [authority], scope: 'own' },
  { group: '', resources: ['configmaps', 'secrets'], verbs: ['create'], scope: 'own' },
  // Whose a token is, and whether they may enter a Sandbox.
  { group: 'authentication.k8s.io', resources: ['tokenreviews'], verbs: ['create'], scope: 'beyond' },
  { group: 'authorization.k8s.io', resources: ['subjectaccessreviews'], verbs: ['create'], scope: 'beyond' },
];
