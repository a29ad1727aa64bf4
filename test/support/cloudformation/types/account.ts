/** The types of resources that our templates have. S3, ECR, IAM, CloudWatch Logs and EC2 are made where their services are; see docs/testing-aws.md. */
import type { Project } from '../../codebuild/model.ts';
import type { EksService } from '../../eks/index.ts';
import type { ResourceTypes } from '../resource-type.ts';
import { codeBuildProject } from './codebuild.ts';
import { eksTypes } from './eks.ts';
import { motoType } from './moto.ts';
import { KINDS } from './moto-kinds.ts';
import { bucketPolicyType, bucketType, type S3Access } from './s3.ts';

export interface AccountOptions {
  /** moto's URL: ECR, IAM, CloudWatch Logs, EC2. */
  moto: string;
  /** Where buckets are made; default: moto. */
  s3?: S3Access;
  /** Projects of the CodeBuild service, which reads them anew for every build. */
  projects: Record<string, Project>;
  eks: EksService;
}

export function accountTypes({ moto, s3 = { url: moto }, projects, eks }: AccountOptions): ResourceTypes {
  const made = Object.entries(KINDS).map(([type, kind]) => [type, motoType(moto, type, kind)] as const);
  return {
    ...Object.fromEntries(made),
    ...eksTypes(eks),
    'AWS::S3::Bucket': bucketType(s3),
    'AWS::S3::BucketPolicy': bucketPolicyType(),
    'AWS::CodeBuild::Project': codeBuildProject(projects),
  };
}
