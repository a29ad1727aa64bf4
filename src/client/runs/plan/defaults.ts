/** What holds for tasks that say nothing, as the operator will find it. */
import type { NamespaceRules } from '../../../crds/namespace-rules.ts';
import { present } from '../../../crds/present.ts';
import type { CompileDefaults } from '../../../tasks/index.ts';
import type { Session } from '../../session/types.ts';

/** Defaults of a namespace with these rules and of its installation; undefined where nobody knows the rules. */
export async function taskDefaults(
  { client }: Pick<Session, 'client'>,
  rules: NamespaceRules | undefined,
): Promise<CompileDefaults | undefined> {
  const { verifierMode } = await client();
  return rules && { namespace: rules, installation: present({ verifierMode }) };
}
