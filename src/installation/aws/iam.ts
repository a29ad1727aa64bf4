/** IAM policies and their page of the reference, made of the table of permissions. */
import {
  AWS_PERMISSIONS,
  RESOURCES,
  WITHHELD,
  type AwsOption,
  type AwsPermission,
  type AwsRole,
} from '../../providers/aws/permissions.ts';

const FILES: Record<AwsRole, string> = {
  operator: 'operator',
  builder: 'builder',
  node: 'node',
  logShipper: 'log-shipper',
};
const OPTIONS: Record<AwsOption, string> = { kms: 'kms', pullThrough: 'pull-through' };

const fileOf = ({ role, option }: Pick<AwsPermission, 'role' | 'option'>): string =>
  option === undefined ? `${FILES[role]}.json` : `${FILES[role]}-${OPTIONS[option]}.json`;

interface Statement {
  Sid: string;
  Effect: 'Allow';
  Action: string[];
  Resource: string;
}

const sid = (resource: string): string => resource.charAt(0).toUpperCase() + resource.slice(1);

/** One statement for each resource. */
function statements(permissions: readonly AwsPermission[]): Statement[] {
  return [...Map.groupBy(permissions, ({ on }) => on)].map(([on, alike]) => ({
    Sid: sid(on),
    Effect: 'Allow',
    Action: alike.map(({ action }) => action).sort(),
    Resource: RESOURCES[on],
  }));
}

/** Policy documents by file name. Their `${…}` are for `envsubst`; docs/aws.md says what each one is. */
export function policyDocuments(): Record<string, object> {
  const files = Map.groupBy(AWS_PERMISSIONS, fileOf);
  return Object.fromEntries(
    [...files].map(([file, permissions]) => [
      file,
      { Version: '2012-10-17', Statement: statements(permissions) },
    ]),
  );
}

const row = (cells: string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

/** The table in Markdown. */
export function permissionsPage(): string {
  const rows = AWS_PERMISSIONS.map((permission) => {
    const { action, on, by, why } = permission;
    return row([`\`${fileOf(permission)}\``, `\`${action}\``, `\`${RESOURCES[on]}\``, by, why]);
  });
  const withheld = Object.entries(WITHHELD).map(([action, why]) => `- \`${action}\`: ${why}.`);
  return [
    '# AWS permissions',
    'Who calls what, and why. The policies in `config/aws/iam` are made of the same table (`src/providers/aws/permissions.ts`); `docs/aws.md` says what to put in the place of `${…}`.',
    [row(['Policy', 'Action', 'Resource', 'Called by', 'Why']), row(Array(5).fill('---')), ...rows].join(
      '\n',
    ),
    'Never granted, although an adapter could:',
    withheld.join('\n'),
  ].join('\n\n');
}
