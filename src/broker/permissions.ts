import type { Permission } from '../kube/types.ts';
import { SECRET_NAME } from './tls/certificates.ts';

/** What the broker does at the API server: a look at what the caches do not hold yet, and its own certificate. */
export const permissions: Permission[] = [
  { group: '', resources: ['pods'], verbs: ['get'] },
  // The annotations on them say which tasks may be read.
  { group: '', resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
  { group: 'batch', resources: ['jobs'], verbs: ['get'] },
  { group: 'sb.abundant.ai', resources: ['trials', 'taskbuilds'], verbs: ['get'] },
  { group: '', resources: ['secrets'], verbs: ['get', 'update'], names: [SECRET_NAME], scope: 'own' },
  { group: '', resources: ['secrets'], verbs: ['create'], scope: 'own' },
];
