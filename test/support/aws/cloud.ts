/** What makes an account from nothing: CloudFormation, EKS, and CodeBuild's projects as a stack makes them, beside moto and the front. */
import { accountTypes, startCloudFormation, type CloudFormationService } from '../cloudformation/index.ts';
import type { S3Access } from '../cloudformation/types/s3.ts';
import type { Project } from '../codebuild/model.ts';
import { startEks, type EksService, type Upstream } from '../eks/index.ts';
import { ACCOUNT, REGION } from './facts.ts';
import { startFront, type AwsFront } from './front.ts';

export interface CloudOptions {
  /** Address to listen on; default 127.0.0.1. */
  bind?: string;
  /** moto's URL. */
  moto: string;
  /** `http://host:port` of the registry that keeps layers. */
  registry: string;
  /** Where buckets are made; default: moto. */
  s3?: S3Access;
  /** The API server that clusters have. */
  upstream: Upstream;
  /** As `startCloudFormation` has it. */
  millisecondsOf?: (type: string) => number;
}

export interface Cloud {
  front: AwsFront;
  cloudformation: CloudFormationService;
  eks: EksService;
  /** For `startCodeBuild`. */
  projects: Record<string, Project>;
  /** What points the SDK and `sb` at these services. */
  env: Record<string, string>;
  close(): Promise<void>;
}

export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const { bind = '127.0.0.1', moto, registry, s3, upstream, millisecondsOf } = options;
  const projects: Record<string, Project> = {};
  const clusters = (): EksService['clusters']['all'] => eks.clusters.all;
  const tagged = () =>
    clusters().map(({ arn, tags }) => ({
      ResourceARN: arn,
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    }));
  const front = await startFront({ bind, moto, registry, tagged });
  const place = { region: REGION, account: ACCOUNT, credentials: front.sessions.known };
  const eks = await startEks({ bind, ...place, upstream });
  const cloudformation = await startCloudFormation({
    host: bind,
    ...place,
    types: accountTypes({ moto, projects, eks, ...(s3 && { s3 }) }),
    ...(millisecondsOf && { millisecondsOf }),
  });
  const ofFront = [
    'ECR',
    'ECR_PUBLIC',
    'CLOUDWATCH_LOGS',
    'STS',
    'EC2',
    'IAM',
    'RESOURCE_GROUPS_TAGGING_API',
    'SECRETS_MANAGER',
    'SERVICE_QUOTAS',
    'COST_EXPLORER',
  ];
  return {
    front,
    cloudformation,
    eks,
    projects,
    env: {
      AWS_REGION: REGION,
      ...Object.fromEntries(ofFront.map((service) => [`AWS_ENDPOINT_URL_${service}`, front.url])),
      AWS_ENDPOINT_URL_S3: s3?.url ?? moto,
      AWS_ENDPOINT_URL_CLOUDFORMATION: cloudformation.url,
      AWS_ENDPOINT_URL_EKS: eks.url,
    },
    async close() {
      await cloudformation.close();
      await eks.close();
      await front.close();
    },
  };
}
