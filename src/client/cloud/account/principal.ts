/** Who somebody is to IAM. */
import type { Account } from '../../../providers/account/port.ts';

/** ARN of a role or user. */
export const PRINCIPAL = /^arn:[a-z-]+:iam::\d{12}:(role|user)\/.+$/;

/** A caller without the session. Undefined where it is neither role nor user: the account itself, or a federated user. */
export async function principalOf(account: Pick<Account, 'role'>, arn: string): Promise<string | undefined> {
  if (PRINCIPAL.test(arn)) return arn;
  const role = /:assumed-role\/([^/]+)\//.exec(arn)?.[1];
  return role === undefined ? undefined : (await account.role(role)).arn;
}
