import { PREFIX } from '../crds/names.ts';

/** ServiceAccount of the operator and its namespace. */
export const OPERATOR = { name: 'sb-operator', namespace: 'sb-system' } as const;

/** The operator's name as a user of the API server. */
export const OPERATOR_USER = `system:serviceaccount:${OPERATOR.namespace}:${OPERATOR.name}`;

/** What an admin puts on a namespace to open it to Trials and builds, where the installation asks for it. */
export const NAMESPACE_LABEL = { key: `${PREFIX}trials`, value: 'allowed' } as const;
