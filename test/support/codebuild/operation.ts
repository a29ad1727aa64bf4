/** The operations of CodeBuild that the service knows; every other one gets AWS's answer to an unknown operation. */
export const OPERATIONS = [
  'StartBuild',
  'StopBuild',
  'BatchGetBuilds',
  'ListBuildsForProject',
  'BatchGetProjects',
] as const;

export type Operation = (typeof OPERATIONS)[number];
