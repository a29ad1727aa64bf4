/** Pure: what somebody may not do, as results with the statement that allows it. */
import type { Statement } from '../../../../../installation/aws/iam.ts';
import type { AwsRole } from '../../../../../providers/aws/permissions.ts';
import type { Denial, Verdict } from '../../../../../providers/account/port.ts';
import { ProviderError } from '../../../../../providers/errors.ts';
import { quoted } from '../../../../../text/safe.ts';
import { problem, warning, type Found } from '../../check.ts';
import type { Need } from './needs.ts';

/** Somebody who has to be allowed something. */
export interface Actor {
  role: AwsRole;
  /** `the operator`. */
  who: string;
  /** Of the role or user. */
  arn: string;
  /** The command that updates the stack which the role is of; undefined where it is of none. */
  update?: string;
}

/** What of a need is refused, for one reason. */
interface Refusal {
  statement: Statement;
  denial: Denial;
  by?: string | undefined;
  missing: readonly string[];
}

/** A result for each statement and reason. Throws `Invalid` where IAM has left out an answer. */
export function refusalsOf(actor: Actor, needs: readonly Need[], verdicts: readonly Verdict[]): Found[] {
  const refusals = needs.flatMap((need) => refused(need, verdicts));
  return refusals.map((refusal) => foundOf(actor, refusal));
}

function refused({ statement, resource }: Need, verdicts: readonly Verdict[]): Refusal[] {
  const all = statement.Action.map((action) => verdictOn({ action, resource }, verdicts));
  const byReason = Map.groupBy(all, ({ denial, by }) => JSON.stringify([denial, by]));
  return [...byReason.values()].flatMap((alike) => {
    const [{ denial, by } = {}] = alike;
    if (!denial) return [];
    const Action = alike.map(({ action }) => action);
    const missing = [...new Set(alike.flatMap((one) => one.missing))];
    return [{ statement: { ...statement, Action }, denial, by, missing }];
  });
}

function verdictOn(
  { action, resource }: Pick<Verdict, 'action' | 'resource'>,
  verdicts: readonly Verdict[],
): Verdict {
  const found = verdicts.find((one) => one.action === action && one.resource === resource);
  if (!found) throw new ProviderError('Invalid', `IAM has decided nothing about ${action} on ${resource}`);
  return found;
}

/** By service: what has a policy of its own, which may allow it where those of a role do not. A simulation for a role does not see it. */
const OWNERS: Readonly<Record<string, string>> = {
  s3: 'the bucket',
  ecr: 'the repository',
  kms: 'the key',
  secretsmanager: 'the secret',
};
const ownerOf = ({ Action: [action = ''], Resource }: Statement): string | undefined =>
  Resource === '*' ? undefined : OWNERS[action.split(':')[0] ?? ''];

/** Without these no Trial runs. */
const ESSENTIAL: ReadonlySet<AwsRole> = new Set(['operator', 'builder']);

function foundOf(actor: Actor, refusal: Refusal): Found {
  const { Action, Resource } = refusal.statement;
  const what = `${nameOf(actor)} may not ${Action.join(', ')}${Resource === '*' ? '' : ` on ${Resource}`}`;
  const result = ESSENTIAL.has(actor.role) && isCertain(refusal) ? problem : warning;
  return result(what, whyOf(actor, refusal), fixOf(actor, refusal));
}

const isCertain = ({ statement, denial, missing }: Refusal): boolean =>
  missing.length === 0 &&
  denial !== 'organization' &&
  (denial !== 'not allowed' || ownerOf(statement) === undefined);

const kindOf = (arn: string): 'role' | 'user' => (arn.split(':')[5]?.startsWith('user/') ? 'user' : 'role');
/** Without its path. */
export const shortOf = (arn: string): string => arn.split('/').at(-1) ?? arn;
const nameOf = ({ who, arn }: Actor): string => `${kindOf(arn)} ${shortOf(arn)} (${who})`;

function whyOf({ arn }: Actor, { statement, denial, by, missing }: Refusal): string {
  const owner = ownerOf(statement);
  const reasons: Record<Denial, string> = {
    'not allowed': `no policy of the ${kindOf(arn)} allows it${owner === undefined ? '' : `; whether the policy of ${owner} does, IAM does not simulate`}`,
    denied: `${by === undefined ? 'a policy' : `policy ${by}`} denies it, whatever others allow`,
    boundary: `the permissions boundary of the ${kindOf(arn)} does not allow it`,
    organization:
      'a service control policy of the organization does not allow it; one with conditions IAM may simulate wrongly',
  };
  const unknown =
    missing.length === 0 ? '' : `; its policies ask for ${missing.join(', ')}, which sb does not know`;
  return reasons[denial] + unknown;
}

/** Roles of IAM Identity Center, which change with their permission set alone. */
const isOfPermissionSet = (arn: string): boolean => arn.includes(':role/aws-reserved/sso.amazonaws.com/');

function fixOf(actor: Actor, { statement, denial, by }: Refusal): string {
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  const { arn, update } = actor;
  switch (denial) {
    case 'organization':
      return `ask whoever manages the organization; where Trials run all the same, IAM’s simulation is wrong`;
    case 'boundary':
      return `add this to the permissions boundary of ${shortOf(arn)}:\n${document}`;
    case 'denied':
      return `have ${by === undefined ? 'the policy that denies it' : `policy ${by}`} leave out ${statement.Action.join(', ')} on ${statement.Resource}`;
    case 'not allowed':
      if (isOfPermissionSet(arn)) return `add this to the permission set that you log in with:\n${document}`;
      return [
        ...(update === undefined ? [] : [update]),
        `aws iam put-${kindOf(arn)}-policy --${kindOf(arn)}-name ${quoted(shortOf(arn))} --policy-name sb-${statement.Sid} --policy-document ${quoted(document)}`,
      ].join('\n');
    default:
      return denial satisfies never;
  }
}
