import { ownVersion } from '../../../session/versions.ts';
import { APPLY } from '../../../../installation/overlays.ts';
import { fine, warning, type Check, type Found, type Patient } from '../check-result.ts';

/** Before 1.0 a minor version may break what an older one promised. */
const line = (version: string): string => version.split('.').slice(0, 2).join('.');

export function judgeVersions({ client, operator }: { client: string; operator: string }): Found[] {
  const both = `sb ${client}, sb-operator ${operator}`;
  return line(client) === line(operator)
    ? [fine(both)]
    : [
        warning(
          both,
          'they were not made for each other',
          `npm install -g sb-operator@${operator}    (or upgrade the operator: ${APPLY})`,
        ),
      ];
}

/** The client's and the operator's; SB-E008 where there is no operator. */
export const versions: Check<Patient> = {
  name: 'versions',
  subject: 'the operator’s version',
  run: async ({ session }) =>
    judgeVersions({ client: ownVersion(), operator: (await session.client()).operatorVersion }),
};
