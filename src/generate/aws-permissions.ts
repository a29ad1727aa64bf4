/** The table of AWS permissions in Markdown. */
import { fileOf } from '../installation/aws/iam.ts';
import { AWS_PERMISSIONS, CONDITIONS, RESOURCES, WITHHELD } from '../providers/aws/permissions.ts';
import type { AwsPermission } from '../providers/aws/permissions.ts';

const row = (cells: string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const resource = (on: AwsPermission['on']): string => {
  const conditions = Object.values(CONDITIONS[on] ?? {}).flatMap((keys) =>
    Object.entries(keys).map(([key, value]) => ` if \`${key}\` is \`${value}\``),
  );
  return `\`${RESOURCES[on]}\`${conditions.join('')}`;
};

export function permissionsPage(): string {
  const rows = AWS_PERMISSIONS.map((permission) => {
    const { action, on, by, why } = permission;
    return row([`\`${fileOf(permission)}\``, `\`${action}\``, resource(on), by, why]);
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
