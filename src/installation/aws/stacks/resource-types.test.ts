import { ref, sub, type Resource } from './template.ts';

/** What the compiler says of resources: `tsc` fails where one of these is no error any more. */
export const refused: Resource[] = [
  // @ts-expect-error a resource that no stack has
  { Type: 'AWS::IAM::User', Properties: {} },
  // @ts-expect-error a property that there is not
  { Type: 'AWS::ECR::Repository', Properties: { RepositoryName: 'a', RepositoryNames: 'b' } },
  // @ts-expect-error a value that is none of those
  { Type: 'AWS::ECR::Repository', Properties: { ImageTagMutability: 'NEVER' } },
  // @ts-expect-error a property inside another
  { Type: 'AWS::EKS::Cluster', Properties: { RoleArn: 'a', ResourcesVpcConfig: { SubnetId: [] } } },
  // @ts-expect-error one that must be there
  { Type: 'AWS::EKS::AccessEntry', Properties: { ClusterName: 'a' } },
  // @ts-expect-error a number for a text
  { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: 1 } },
];

export const accepted: Resource = {
  Type: 'AWS::Logs::LogGroup',
  Properties: { LogGroupName: sub('/${Stack}'), RetentionInDays: ref('LogDays') },
};
