/** The first pull of an image makes its repository and copies it. */
export const PULL_THROUGH = [
  'ecr:BatchGetImage',
  'ecr:GetDownloadUrlForLayer',
  'ecr:BatchImportUpstreamImage',
  'ecr:CreateRepository',
] as const;
