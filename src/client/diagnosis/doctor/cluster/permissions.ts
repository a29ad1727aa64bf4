import { dump } from 'js-yaml';
import { missingOf } from '../../../session/preflight.ts';
import { fine, type Check, type Found, type Patient } from '../check-result.ts';
import { PURPOSES, type Purpose, type Want } from './needs.ts';
import { roleAndBinding } from './role.ts';

/** Who asks, where, and what of each purpose is missing. */
export interface Allowed {
  user: string;
  namespace: string;
  missing: readonly (Purpose & { lacks: readonly Want[] })[];
}

/** `create, patch trials.sb.abundant.ai; get pods/log`. */
function words(wants: readonly Want[]): string {
  const byResource = Map.groupBy(wants, ({ group, resource, subresource }) =>
    [`${resource}${group && `.${group}`}`, subresource].filter((part) => part !== undefined).join('/'),
  );
  return [...byResource].map(([name, all]) => `${all.map(({ verb }) => verb).join(', ')} ${name}`).join('; ');
}

/** One Role for everything that is missing: the first finding that names it has it. */
export function judgePermissions({ user, namespace, missing }: Allowed): Found[] {
  const lacking = missing.filter(({ lacks }) => lacks.length > 0);
  if (lacking.length === 0) return [fine(`${user} may do everything that sb does in namespace ${namespace}`)];
  const wants = lacking.flatMap(({ lacks }) => lacks);
  const manifest = roleAndBinding({ namespace, user, wants })
    .map((document) => dump(document, { noRefs: true }))
    .join('---\n');
  return lacking.map(({ command, essential, lacks }, index) => ({
    state: essential ? 'problem' : 'warning',
    what: `${user} cannot use ${command} in namespace ${namespace}`,
    why: `may not ${words(lacks)}`,
    ...(index === lacking.length - 1 && { fix: 'an administrator of the cluster runs:', manifest }),
  }));
}

/** Asks the API server about each permission; everybody who is logged in may ask about themselves. */
export const permissions: Check<Patient> = {
  name: 'permissions',
  subject: 'what you may do',
  async run({ session, identity }) {
    const [user, missing] = await Promise.all([
      // What may not be done is worth knowing without a name, too.
      identity().then(
        (known) => known.user,
        () => '<you>',
      ),
      Promise.all(
        PURPOSES.map(async (purpose) => ({ ...purpose, lacks: await missingOf(session, purpose.wants) })),
      ),
    ]);
    return judgePermissions({ user, namespace: session.namespace, missing });
  },
};
