/** What keeps an installation from being taken away. */
import { call, refused, stackOf, may, BUCKET, type Fault } from './fault.ts';

export const REMOVAL: readonly Fault[] = [
  // Taking it away.
  {
    what: 'Trials that run',
    on: 'down',
    fault: ({ says }) => {
      says.running = Array.from({ length: 7 }, (_, index) => `agents/trial-${index}`);
      return () => (says.running = []);
    },
    code: 'SB-E129',
    says: /agents\/trial-0\n.*… and 2 more\n.*--force/s,
  },
  {
    what: 'a cluster that does not say whether Trials run',
    on: 'down',
    fault: ({ says }) => {
      says.refused.set('running', new Error('connect ECONNREFUSED'));
      return () => says.refused.delete('running');
    },
    code: 'SB-E129',
    says: /cannot see whether Trials are running.*ECONNREFUSED.*--force/s,
  },
  {
    what: 'a network that something is still in',
    on: 'down',
    fault: ({ things, held }) => {
      const vpc = things.find(({ type }) => type === 'AWS::EC2::VPC')?.physicalId ?? '';
      held.set(vpc, `The vpc '${vpc}' has dependencies and cannot be deleted.`);
      return () => held.clear();
    },
    code: 'SB-E126',
    says: /Vpc \(AWS::EC2::VPC\): .*has dependencies.*sb cloud down/s,
  },
  {
    what: 'no permission to delete a stack',
    on: 'down',
    fault: call({ kind: 'accessDenied', operation: 'DeleteStack' }),
    code: 'SB-E122',
    says: /you may not cloudformation:DeleteStack/,
  },
  {
    what: 'keys that expire in the middle of it',
    on: 'down',
    fault: call({ kind: 'expiredToken', operation: 'DescribeStackEvents' }),
    code: 'SB-E121',
    says: /aws sso login/,
  },
  {
    what: 'too many requests to delete',
    on: 'down',
    fault: call({ kind: 'throttle', operation: 'DeleteStack' }),
    code: 'SB-E123',
    says: /Rate exceeded/,
  },
  {
    what: 'a network of this name that is another’s',
    on: 'down',
    fault: (w) => {
      const network = stackOf(w, 'network')!;
      const { desired } = network;
      network.desired = { ...desired, tags: [{ Key: 'sb:stack', Value: 'other' }] };
      return () => (network.desired = desired);
    },
    code: 'SB-E124',
    says: /its tag sb:stack is "other"/,
  },
  {
    what: 'a bucket that may not be emptied',
    on: 'purge',
    fault: (w) => {
      w.says.buckets.set(BUCKET, 3);
      return refused('bucket', 'AccessDenied', may('s3:DeleteObjectVersion'))(w);
    },
    code: 'SB-E122',
    says: /you may not s3:DeleteObjectVersion/,
  },
  {
    what: 'a repository that may not be deleted',
    on: 'purge',
    fault: refused('repository', 'AccessDeniedException', may('ecr:DeleteRepository')),
    code: 'SB-E122',
    says: /you may not ecr:DeleteRepository/,
  },
];
