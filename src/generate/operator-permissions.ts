/** What the operator does in the API, as a module for those who install it and have none of its code. */
import type { Permission } from '../kube/types.ts';
import { NOTICE } from './kustomize.ts';

export const permissionsModule = (permissions: readonly Permission[]): string =>
  [
    `/** What the operator does in the API, gathered from its parts; ${NOTICE}. */`,
    `import type { Permission } from '../kube/types.ts';`,
    '',
    `export const OPERATOR_PERMISSIONS: readonly Permission[] = ${JSON.stringify(permissions)};`,
    '',
  ].join('\n');
