/** The policy about what admins decide for a namespace, in labels and annotations of the Namespace. */
import { PREFIX } from '../../crds/names.ts';
import { keepsMarks, type PolicyOptions } from './policy.ts';

/**
 * To RBAC a Namespace is in itself: a Role of the namespace with every verb for every resource lets its holders write it. So whoever changes what
 * is in our name needs that right in the whole cluster.
 */
export const namespaces: PolicyOptions = {
  about: 'namespaces',
  match: {
    group: '',
    resources: ['namespaces', 'namespaces/finalize', 'namespaces/status'],
    operations: ['UPDATE'],
  },
  holds: [
    {
      rule: `(${keepsMarks('?metadata')}) || authorizer.group('').resource('namespaces').check('update').allowed()`,
      message: `labels and annotations ${PREFIX}… of a Namespace are for those who may update every Namespace`,
    },
  ],
};
