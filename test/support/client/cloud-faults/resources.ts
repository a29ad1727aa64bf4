/** Resources that cannot be made. */
import { resource, taken, handler, may, BUCKET, type Fault } from './fault.ts';
import { STACK } from '../../aws/facts.ts';

export const RESOURCES: readonly Fault[] = [
  // Resources that cannot be made.
  ...(
    [
      [
        'addresses at their quota',
        'NatAddress',
        handler('Ec2', 'The maximum number of addresses has been reached.'),
        /NatAddress \(AWS::EC2::EIP\).*Service Quotas/s,
      ],
      [
        'VPCs at their quota',
        'Vpc',
        handler('Ec2', 'The maximum number of VPCs has been reached.'),
        /Service Quotas/,
      ],
      [
        'NAT gateways at their quota',
        'Nat',
        handler('Ec2', 'Performing this operation would exceed the limit of 5 NAT gateways'),
        /exceed the limit of 5.*Service Quotas/s,
      ],
      [
        'roles at their quota',
        'BuilderRole',
        handler('Iam', 'Cannot exceed quota for RolesPerAccount: 1000'),
        /Service Quotas/,
      ],
      [
        'clusters at their quota',
        'Cluster',
        handler('Eks', 'You have reached the maximum number of clusters.'),
        /Service Quotas/,
      ],
      [
        'a zone in which EKS has no room',
        'Cluster',
        handler(
          'Eks',
          `Cannot create cluster '${STACK}' because us-east-1e, the targeted availability zone, does not currently have sufficient capacity to support the cluster.`,
        ),
        /--subnets/,
      ],
      [
        'a region that has not this Kubernetes yet',
        'Cluster',
        handler('Eks', 'unsupported Kubernetes version 1.35'),
        /another --region/,
      ],
      [
        'a region without EKS Auto Mode',
        'Cluster',
        handler('Eks', 'EKS Auto Mode is not supported in this region'),
        /another --region/,
      ],
      [
        'no permission to make a role',
        'InstallerRole',
        handler('Iam', may('iam:CreateRole')),
        /iam:CreateRole.*an administrator allows/s,
      ],
      [
        'a policy of the organization against it',
        'Cluster',
        handler(
          'Eks',
          `User: x is not authorized to perform: eks:CreateCluster on resource: y with an explicit deny in a service control policy`,
        ),
        /service control policy.*an administrator allows/s,
      ],
      [
        'a role that is not known everywhere yet',
        'Project',
        handler(
          'CodeBuild',
          'CodeBuild is not authorized to perform: sts:AssumeRole on service role. Please verify that the provided service role exists',
        ),
        /again in a minute/,
      ],
      [
        'a bucket that was deleted a moment ago',
        'Bucket',
        handler(
          'S3',
          'A conflicting conditional operation is currently in progress against this resource. Please try again.',
        ),
        /again in a minute/,
      ],
      ['too many requests of a resource', 'Images', handler('Ecr', 'Rate exceeded'), /again in a minute/],
      [
        'keys that expire while resources are made',
        'Cluster',
        handler('Eks', 'The security token included in the request is expired'),
        /log in again/,
      ],
      [
        'a resource that says nothing that is known',
        'Frontends',
        'Internal Failure',
        /fix what the cause names.*goes on from here/s,
      ],
    ] as const
  ).map(([what, name, reason, says]): Fault => ({
    what,
    fault: resource(name, reason),
    code: 'SB-E125',
    says,
  })),
  ...(
    [
      ['a bucket’s', 'AWS::S3::Bucket', BUCKET],
      ['a repository’s', 'AWS::ECR::Repository', `${STACK}-operator`],
      ['a log group’s', 'AWS::Logs::LogGroup', '/sb/eks/logs'],
      ['the project’s', 'AWS::CodeBuild::Project', `${STACK}-build`],
    ] as const
  ).map(([whose, type, name]): Fault => ({
    what: `a name that is taken: ${whose}`,
    fault: taken(type, name),
    code: 'SB-E125',
    says: new RegExp(`${name}.*already exists.*--stack`, 's'),
  })),
  {
    what: 'a rollback that fails, too',
    fault: ({ formation, things, held }) => {
      formation.inject({ kind: 'fail', resource: 'Nat', reason: 'Internal Failure', late: true });
      const stalled = formation.inject({ kind: 'stall', resource: 'Nat', doing: 'create' });
      void stalled.reached.then(() => {
        const vpc = things.find(({ type }) => type === 'AWS::EC2::VPC')?.physicalId ?? '';
        held.set(vpc, `The vpc '${vpc}' has dependencies and cannot be deleted.`);
        stalled.release();
      });
      return () => held.clear();
    },
    code: 'SB-E126',
    says: /Vpc \(AWS::EC2::VPC\): .*has dependencies.*sb cloud down/s,
  },
];
