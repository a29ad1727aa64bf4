/** What `docker` and the kubelet need of ECR to read an image, and to write one: the same whoever does it. */
export const PULL = ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'] as const;

export const PUSH = [
  'ecr:BatchCheckLayerAvailability',
  'ecr:InitiateLayerUpload',
  'ecr:UploadLayerPart',
  'ecr:CompleteLayerUpload',
  'ecr:PutImage',
] as const;

/** The first pull of an image through the cache makes its repository and copies it. */
export const PULL_THROUGH = [...PULL, 'ecr:BatchImportUpstreamImage', 'ecr:CreateRepository'] as const;
