/** IAM policies, made of the table of permissions. */
import {
  AWS_PERMISSIONS,
  CONDITIONS,
  RESOURCES,
  type AwsOption,
  type AwsPermission,
  type AwsRole,
} from '../../providers/aws/permissions.ts';

const FILES: Record<AwsRole, string> = {
  operator: 'operator',
  builder: 'builder',
  installer: 'installer',
  node: 'node',
  logShipper: 'log-shipper',
  client: 'client',
  researcher: 'researcher',
};
const OPTIONS: Record<AwsOption, string> = {
  kms: 'kms',
  pullThrough: 'pull-through',
  costExplorer: 'cost-explorer',
};

/** Name of the policy's file. */
export const fileOf = ({ role, option }: Pick<AwsPermission, 'role' | 'option'>): string =>
  option === undefined ? `${FILES[role]}.json` : `${FILES[role]}-${OPTIONS[option]}.json`;

/** Of a policy: what is allowed on one resource. */
export interface Statement {
  Sid: string;
  Effect: 'Allow';
  Action: string[];
  Resource: string;
  Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface PolicyDocument {
  Version: string;
  Statement: Statement[];
}

const sid = (resource: string): string => resource.charAt(0).toUpperCase() + resource.slice(1);

/** One statement for each resource. */
function statements(permissions: readonly AwsPermission[]): Statement[] {
  return [...Map.groupBy(permissions, ({ on }) => on)].map(([on, alike]) => ({
    Sid: sid(on),
    Effect: 'Allow',
    Action: alike.map(({ action }) => action).sort(),
    Resource: RESOURCES[on],
    ...(CONDITIONS[on] && { Condition: CONDITIONS[on] }),
  }));
}

/** Policy documents by file name. Their `${…}` are for `envsubst`; docs/aws.md says what each one is. */
export function policyDocuments(): Record<string, PolicyDocument> {
  const files = Map.groupBy(AWS_PERMISSIONS, fileOf);
  return Object.fromEntries(
    [...files].map(([file, permissions]) => [
      file,
      { Version: '2012-10-17', Statement: statements(permissions) },
    ]),
  );
}
