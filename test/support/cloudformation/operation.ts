/** The operations that the service has. */
export const OPERATIONS = [
  'ContinueUpdateRollback',
  'CreateChangeSet',
  'CreateStack',
  'DeleteChangeSet',
  'DeleteStack',
  'DescribeChangeSet',
  'DescribeStackEvents',
  'DescribeStackResources',
  'DescribeStacks',
  'ExecuteChangeSet',
  'GetTemplate',
  'GetTemplateSummary',
  'ListChangeSets',
  'ListStackResources',
  'ListStacks',
  'UpdateStack',
  'UpdateTerminationProtection',
] as const;

export type Operation = (typeof OPERATIONS)[number];
