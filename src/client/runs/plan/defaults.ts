/** What holds for tasks that say nothing, as the operator will find it. */
import { namespaceRules } from '../../../crds/namespace-rules.ts';
import { present } from '../../../crds/present.ts';
import { isForbidden } from '../../../kube/errors.ts';
import { Namespace } from '../../../kube/kinds.ts';
import type { CompileDefaults } from '../../../tasks/index.ts';
import type { Session } from '../../session/types.ts';

/** Defaults of the session's namespace and its installation; undefined where the user may not read the Namespace, which could say otherwise. */
export async function taskDefaults({
  kube,
  namespace: name,
  client,
}: Pick<Session, 'kube' | 'namespace' | 'client'>): Promise<CompileDefaults | undefined> {
  const [{ verifierMode }, found] = await Promise.all([
    client(),
    kube.get(Namespace, { namespace: '', name }).catch((error: unknown) => {
      if (isForbidden(error)) return 'hidden' as const;
      throw error;
    }),
  ]);
  if (found === 'hidden') return undefined;
  return {
    namespace: namespaceRules(found?.metadata.annotations, { requirePrefixes: false }),
    installation: present({ verifierMode }),
  };
}
