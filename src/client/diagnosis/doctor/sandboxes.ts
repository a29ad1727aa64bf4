import { BROKER } from '../../../installation/names.ts';
import { Broker, type Looked } from '../../sandbox/broker/broker.ts';
import type { WayName } from '../../sandbox/broker/ways.ts';
import { fine, warning, type Check, type Found, type Patient } from './check.ts';

/** What the broker is asked about. It need not be there: any answer shows that the way leads to it. */
const NAME = 'sb-doctor';

const WAYS: Record<WayName, string> = {
  service: `the Service ${BROKER.service}`,
  url: 'the configured URL',
  'api-server': 'the API server’s proxy',
  'port-forward': 'a port-forward to a Pod of the operator',
};

const triedAll = (looked: readonly Looked[]): string =>
  looked.map(({ way, why }) => `${WAYS[way]}: ${why}`).join('; ');

/** Pure. */
export function judgeWays(looked: readonly Looked[], namespace: string): Found[] {
  const taken = looked.findIndex(({ why }) => why === undefined);
  const { way, refused } = looked[taken] ?? {};
  if (way === undefined)
    return [
      warning(
        'Sandboxes cannot be used from here',
        triedAll(looked),
        'set SB_BROKER_URL to an address of the broker that this machine can reach',
      ),
    ];
  const before = looked.slice(0, taken);
  const found = fine(`Sandboxes are reached through ${WAYS[way]}`);
  return [
    before.length > 0 ? { ...found, why: triedAll(before) } : found,
    ...(refused && [401, 403].includes(refused.status) ? [notAllowed(refused.message, namespace)] : []),
  ];
}

const notAllowed = (why: string, namespace: string): Found =>
  warning(
    `you may not use the Sandboxes of namespace ${namespace}`,
    why,
    `kubectl create rolebinding sb-edit-<you> -n ${namespace} --clusterrole=sb-edit --user=<you>    (an administrator)`,
  );

/** By the way that programs would take now. Nothing else needs it, so a cluster without it is fine. */
export const sandboxes: Check<Patient> = {
  name: 'sandboxes',
  subject: 'the way to Sandboxes',
  async run({ session }) {
    const { namespace, closed } = session;
    return judgeWays(await new Broker(session).look({ namespace, name: NAME }, closed), namespace);
  },
};
