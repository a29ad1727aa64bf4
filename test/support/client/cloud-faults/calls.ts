/** Who calls, from where, and calls that AWS refuses or does not answer. */
import { call, refused, may, type Fault } from './fault.ts';
import { ACCOUNT } from '../../aws/facts.ts';

export const CALLS: readonly Fault[] = [
  // Who calls, and from where.
  {
    what: 'keys that have expired',
    fault: ({ keys }) => {
      keys.expiration = 1;
      return () => delete keys.expiration;
    },
    code: 'SB-E121',
    says: /ExpiredToken.*aws sso login/s,
  },
  {
    what: 'keys that expire on the way',
    fault: call({ kind: 'expiredToken', operation: 'ExecuteChangeSet' }),
    code: 'SB-E121',
    says: /aws sso login.*goes on from where it stopped/s,
  },
  {
    what: 'a secret that is another key’s',
    fault: ({ keys }) => {
      const { secretAccessKey } = keys;
      keys.secretAccessKey = 'other';
      return () => (keys.secretAccessKey = secretAccessKey);
    },
    code: 'SB-E121',
    says: /signature we calculated does not match/,
  },
  {
    what: 'a region that the account has not enabled',
    fault: refused(
      'identity',
      'InvalidClientTokenId',
      'The security token included in the request is invalid.',
    ),
    code: 'SB-E121',
    says: /is invalid.*the region enabled in the account\?/s,
  },
  {
    what: 'a clock that is wrong',
    fault: refused(
      'identity',
      'SignatureDoesNotMatch',
      'Signature expired: 20260131T142501Z is now earlier than 20260131T150001Z (20260131T151501Z - 15 min.)',
    ),
    code: 'SB-E121',
    says: /is now earlier than.*is the clock right/s,
  },
  {
    what: 'a login that cannot be found',
    fault: refused('identity', 'CredentialsProviderError', 'Could not load credentials from any providers'),
    code: 'SB-E121',
    says: /Could not load credentials/,
  },
  {
    what: 'root, who can be admin of no cluster',
    fault: ({ says }) => {
      const { arn } = says;
      says.arn = `arn:aws:iam::${ACCOUNT}:root`;
      return () => (says.arn = arn);
    },
    code: 'SB-E036',
    says: /cannot use --admin-role.*neither role nor user/s,
  },
  {
    what: 'a role that its own session may not look up',
    fault: (w) => {
      w.says.arn = `arn:aws:sts::${ACCOUNT}:assumed-role/admin/jane`;
      return refused('role', 'AccessDenied', may('iam:GetRole'))(w);
    },
    code: 'SB-E036',
    says: /iam:GetRole.*--admin-role arn:aws:iam/s,
  },
  {
    what: 'zones that may not be asked for',
    fault: refused('zones', 'UnauthorizedOperation', 'You are not authorized to perform this operation.'),
    code: 'SB-E122',
    says: /not authorized.*an administrator of the account allows it/s,
  },
  {
    what: 'a VPC whose private subnets are in one zone',
    fault: ({ says }) => {
      says.subnets = [
        { id: 'subnet-00000001', zone: 'a', public: false, internal: false },
        { id: 'subnet-00000002', zone: 'b', public: true, internal: false },
      ];
    },
    wish: { vpc: 'vpc-00000000' },
    after: {},
    code: 'SB-E036',
    says: /vpc-00000000 has no private subnets in two zones, but only subnet-00000001 \(a\), subnet-00000002 \(b\)/,
  },
  {
    what: 'a VPC that is not there',
    fault: () => {},
    wish: { vpc: 'vpc-00000000' },
    after: {},
    code: 'SB-E036',
    says: /there is no VPC vpc-00000000/,
  },
  // Calls that AWS refuses or does not answer.
  ...(['CreateChangeSet', 'ExecuteChangeSet', 'DescribeStackEvents', 'DescribeStacks'] as const).flatMap(
    (operation): Fault[] => [
      {
        what: `no permission for ${operation}`,
        fault: call({ kind: 'accessDenied', operation }),
        code: 'SB-E122',
        says: new RegExp(`you may not cloudformation:${operation}\\n.*docs/aws-cloud.md`, 's'),
      },
      {
        what: `too many requests of ${operation}`,
        fault: call({ kind: 'throttle', operation }),
        code: 'SB-E123',
        says: /does not keep up.*Rate exceeded.*wait a minute/s,
      },
    ],
  ),
  {
    what: 'no permission to protect what holds results',
    fault: call({ kind: 'accessDenied', operation: 'UpdateTerminationProtection' }),
    code: 'SB-E122',
    says: /you may not cloudformation:UpdateTerminationProtection/,
  },
  {
    what: 'an error inside CloudFormation',
    fault: call({ kind: 'internal', operation: 'CreateChangeSet' }),
    code: 'SB-E123',
    says: /AWS does not answer.*run the same command again/s,
  },
  {
    what: 'CloudFormation out of service',
    fault: call({ kind: 'unavailable' }),
    code: 'SB-E123',
    says: /ServiceUnavailable/,
  },
  {
    what: 'as many stacks as an account may have',
    fault: call({ kind: 'limit', operation: 'CreateChangeSet' }),
    code: 'SB-E125',
    says: /a quota of the account is reached.*Limit for stack.*Service Quotas/s,
  },
  {
    what: 'a region without a type of resource',
    fault: ({ types }) => {
      const type = types['AWS::EKS::PodIdentityAssociation']!;
      delete types['AWS::EKS::PodIdentityAssociation'];
      return () => (types['AWS::EKS::PodIdentityAssociation'] = type);
    },
    code: 'SB-E125',
    says: /the region lacks.*AWS::EKS::PodIdentityAssociation.*another --region/s,
  },
];
