/** What the admins of the cluster decided for the session's namespace. */
import { namespaceRules, ownFolder, type NamespaceRules } from '../../crds/namespace-rules.ts';
import { isForbidden } from '../../kube/errors.ts';
import { Namespace } from '../../kube/kinds.ts';
import type { Session } from './types.ts';

/** Undefined where the user may not read the Namespace, which could say anything. */
export async function rulesOf({
  kube,
  namespace: name,
}: Pick<Session, 'kube' | 'namespace'>): Promise<NamespaceRules | undefined> {
  const found = await kube.get(Namespace, { namespace: '', name }).catch((error: unknown) => {
    if (isForbidden(error)) return 'hidden' as const;
    throw error;
  });
  if (found === 'hidden') return undefined;
  return namespaceRules(found?.metadata.annotations, { requirePrefixes: false, own: ownFolder(found) });
}
