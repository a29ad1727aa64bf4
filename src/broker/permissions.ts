import type { Permission } from '../kube/types.ts';

/** What the broker does at the API server: a look at what the caches do not hold yet, and its own certificate, in the Secret of that name. */
export const brokerPermissions = (certificate: string): Permission[] => [
  { group: '', resources: ['pods'], verbs: ['get'] },
  // The annotations on them say which tasks may be read.
  { group: '', resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
  { group: 'batch', resources: ['jobs'], verbs: ['get'] },
  // A task may lie in one.
  { group: '', resources: ['configmaps'], verbs: ['get'] },
  { group: 'sb.abundant.ai', resources: ['trials', 'taskbuilds'], verbs: ['get'] },
  { group: '', resources: ['secrets'], verbs: ['get', 'update'], names: [certificate], scope: 'own' },
  { group: '', resources: ['secrets'], verbs: ['create'], scope: 'own' },
];
