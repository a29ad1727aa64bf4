/** The generated policies of a role, as docs/aws.md has them filled in for the account of the tests. */
import { fileOf, policyDocuments } from '../../../../src/installation/aws/iam.ts';
import type { AwsOption, AwsRole } from '../../../../src/providers/aws/permissions.ts';
import { ACCOUNT, BUCKET, PROJECT, REGION, REPOSITORY, STACK } from '../facts.ts';
import { decide, type Asked, type Policy } from './evaluate.ts';

const VALUES: Readonly<Record<string, string>> = {
  AWS_PARTITION: 'aws',
  AWS_ACCOUNT_ID: ACCOUNT,
  SB_AWS_REGION: REGION,
  SB_STACK: STACK,
  SB_S3_BUCKET: BUCKET,
  SB_ECR_REPO: REPOSITORY,
  SB_OPERATOR_REPO: `${STACK}-operator`,
  SB_CODEBUILD_PROJECT: PROJECT,
  SB_LOG_GROUP: '/sb/eks/logs',
  SB_RESEARCHER: 'ada',
  SB_PULL_THROUGH_PREFIX: 'docker-hub',
  SB_KMS_KEY_ID: '1234abcd-12ab-34cd-56ef-1234567890ab',
};

export type Values = Partial<typeof VALUES>;

/** A caller's name and what it may do. */
export interface Role {
  name: string;
  policies: readonly Policy[];
}

/** `values`: what is called otherwise than the account's own. */
export function roleOf(role: AwsRole, options: readonly AwsOption[] = [], values: Values = {}): Role {
  const documents = policyDocuments();
  const all = { ...VALUES, ...values };
  const files = [fileOf({ role }), ...options.map((option) => fileOf({ role, option }))];
  const policies = files.map((file) => {
    const text = JSON.stringify(documents[file] ?? {});
    return JSON.parse(text.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => all[name] ?? whole)) as Policy;
  });
  return { name: `${STACK}-${role}`, policies };
}

/** Why a caller may not do it, in AWS's words; undefined where it may. A caller without a role may do everything. */
export function refusalOf(role: Role | undefined, asked: Asked): string | undefined {
  if (!role) return undefined;
  const decision = decide(role.policies, asked);
  if (decision === 'allowed') return undefined;
  const who = `arn:aws:sts::${ACCOUNT}:assumed-role/${role.name}/${role.name}`;
  const why =
    decision === 'explicitDeny'
      ? 'with an explicit deny in an identity-based policy'
      : `because no identity-based policy allows the ${asked.action} action`;
  return `User: ${who} is not authorized to perform: ${asked.action} on resource: ${asked.resource} ${why}`;
}
