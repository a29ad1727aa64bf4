/** Who a caller of AWS is in a cluster. Source: EKS user guide, “Grant IAM users access to Kubernetes with EKS access entries”. */
import { CLUSTER_ADMIN, type Cluster } from './clusters.ts';

export interface Identity {
  username: string;
  groups: string[];
  /** Who it is at AWS. */
  arn: string;
}

/** The role of a session; a user is its own. Entries name roles, and no sessions. */
const principalOf = (arn: string): { pattern: RegExp; session: string } => {
  const [, account, role = '', session = ''] =
    /^arn:[a-z-]+:sts::(\d+):assumed-role\/([^/]+)\/(.+)$/.exec(arn) ?? [];
  const literal = (text: string): string => text.replaceAll(/[.+*?^${}()|[\]\\]/g, String.raw`\$&`);
  return account === undefined
    ? { pattern: new RegExp(`^${literal(arn)}$`), session: '' }
    : // The ARN of a session has no path of its role.
      { pattern: new RegExp(`^arn:[a-z-]+:iam::${account}:role/(?:.*/)?${literal(role)}$`), session };
};

/** Undefined for whoever has no access entry. */
export function identityOf(arn: string, { entries }: Cluster): Identity | undefined {
  const { pattern, session } = principalOf(arn);
  const entry = entries.find(({ principalArn }) => pattern.test(principalArn));
  if (!entry) return undefined;
  const isAdmin = entry.policies.some(
    ({ policyArn, accessScope }) => policyArn.endsWith(`/${CLUSTER_ADMIN}`) && accessScope.type === 'cluster',
  );
  // EKS authorizes by the policy itself and adds no group; here, the API server behind knows nothing of policies.
  const groups = [...entry.kubernetesGroups, ...(isAdmin ? ['system:masters'] : [])];
  return { username: entry.username.replace('{{SessionName}}', session), groups, arn };
}
