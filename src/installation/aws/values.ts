/** The values of an installation whose stacks are there: their outputs, as the operator's settings. */
import { OVERLAYS, valuesOf } from '../overlays.ts';
import type { Values } from '../values.ts';
import { SYSTEM_POOL } from './cluster/nodes.ts';

/** Outputs of `<stack>-artifacts`, by name. */
export type Outputs = Readonly<Record<string, string>>;

export interface AwsInstallation {
  /** Of the operator. */
  version: string;
  stack: string;
  region: string;
  outputs: Outputs;
  /** The operator's image, by digest. */
  image: string;
  /** Copies that were made of what builds begin with: BuildKit, by name. */
  buildKit: string;
  /** Whether the cluster has the pool of EKS Auto Mode for what belongs to it. */
  autoMode: boolean;
}

/** Of one architecture, since the image is. */
const ON_SYSTEM_POOL = {
  nodeSelector: { 'karpenter.sh/nodepool': SYSTEM_POOL.name, 'kubernetes.io/arch': 'amd64' },
  tolerations: [{ key: SYSTEM_POOL.taint, operator: 'Exists' as const }],
};

/** Throws where the stack lacks an output: it is of another version. */
export function awsValues(installation: AwsInstallation): Values {
  const { version, stack, region, image, buildKit, autoMode } = installation;
  const values = valuesOf(OVERLAYS['aws']!, version);
  const output = outputOf(installation.outputs);
  const { Key: key, BudgetCorrection: correction } = installation.outputs;
  return {
    ...values,
    image,
    ...(autoMode && { placing: ON_SYSTEM_POOL }),
    settings: {
      ...values.settings,
      SB_AWS_REGION: region,
      SB_STACK: stack,
      SB_S3_BUCKET: output('Bucket'),
      SB_ECR_REPO: output('Images'),
      SB_CODEBUILD_PROJECT: output('Project'),
      SB_LOG_GROUP: output('PodLogs'),
      SB_BUILDKIT_IMAGE: buildKit,
      SB_BASE_IMAGE_MIRRORS: `docker.io/library=public.ecr.aws/docker/library,docker.io/docker=${output('Tools')}`,
      ...(key && { SB_KMS_KEY_ID: key }),
      ...(correction && { SB_BUDGET_CORRECTION: correction }),
    },
  };
}

/** An output by its name. Throws where there is none. */
export const outputOf =
  (outputs: Outputs) =>
  (name: string): string => {
    const value = outputs[name];
    if (value === undefined) throw new Error(`the stack has no output ${name}; update it`);
    return value;
  };
