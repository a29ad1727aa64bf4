/** The stack that is kept: tasks, results, images, logs, and what builds images. Nothing in it costs by the hour. */
import { optionsOf, policyOf } from './policies.ts';
import { attribute, KEPT, NAMES, ref, sub, tags, template, trust, when, type Resource } from './template.ts';

const PART = 'artifacts';

/** How long builds and uploads that nobody ended, and what was overwritten, are kept. */
const DAYS = { upload: 7, oldVersion: 30, untagged: 14, image: 180, cache: 30 } as const;
const RELEASES = 100;

const bucket: Resource = {
  Type: 'AWS::S3::Bucket',
  ...KEPT,
  Properties: {
    BucketName: sub(NAMES.bucket),
    // The operator pins each build to the version of the context that it read.
    VersioningConfiguration: { Status: 'Enabled' },
    OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    },
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [
        {
          // One key for many objects: KMS is asked a hundredth as often.
          BucketKeyEnabled: true,
          ServerSideEncryptionByDefault: when(
            'HasKey',
            { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: ref('KeyId') },
            { SSEAlgorithm: 'AES256' },
          ),
        },
      ],
    },
    LifecycleConfiguration: {
      Rules: [
        {
          Id: 'unfinished-uploads',
          Status: 'Enabled',
          AbortIncompleteMultipartUpload: { DaysAfterInitiation: DAYS.upload },
        },
        {
          Id: 'old-versions',
          Status: 'Enabled',
          NoncurrentVersionExpiration: { NoncurrentDays: DAYS.oldVersion },
          ExpiredObjectDeleteMarker: true,
        },
      ],
    },
    Tags: tags(PART),
  },
};

const bucketArns = ['', '/*'].map((rest) => sub(`arn:\${AWS::Partition}:s3:::${NAMES.bucket}${rest}`));

const refusal = (Sid: string, Condition: object) => ({
  Sid,
  Effect: 'Deny',
  Principal: '*',
  Action: 's3:*',
  Resource: bucketArns,
  Condition,
});

const bucketPolicy: Resource = {
  Type: 'AWS::S3::BucketPolicy',
  ...KEPT,
  Properties: {
    Bucket: ref('Bucket'),
    PolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        refusal('TlsOnly', { Bool: { 'aws:SecureTransport': 'false' } }),
        refusal('NoOldTls', { NumericLessThan: { 's3:TlsVersion': '1.2' } }),
      ],
    },
  },
};

const rule = (description: string, selection: object, rulePriority: number) => ({
  rulePriority,
  description,
  selection,
  action: { type: 'expire' },
});
const sincePushed = (tagStatus: 'any' | 'untagged', days: number) => ({
  tagStatus,
  countType: 'sinceImagePushed',
  countUnit: 'days',
  countNumber: days,
});
const untagged = rule('untagged', sincePushed('untagged', DAYS.untagged), 1);

/** `tags`: whether a tag can be pushed anew. */
const repository = (
  name: string,
  mutability: 'MUTABLE' | 'IMMUTABLE',
  rules: readonly object[],
): Resource => ({
  Type: 'AWS::ECR::Repository',
  ...KEPT,
  Properties: {
    RepositoryName: sub(name),
    ImageTagMutability: mutability,
    LifecyclePolicy: { LifecyclePolicyText: JSON.stringify({ rules }) },
    Tags: tags(PART),
  },
});

const releases = [
  untagged,
  rule('all but the newest', { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: RELEASES }, 2),
];

const repositories = {
  // By the day of the push: `sinceImagePulled` can only archive, and an archived image holds its tag, which the next build could not push.
  Images: repository(NAMES.images, 'IMMUTABLE', [
    untagged,
    rule('built again when a Trial asks for it', sincePushed('any', DAYS.image), 2),
  ]),
  Cache: repository(NAMES.cache, 'MUTABLE', [rule('layers', sincePushed('any', DAYS.cache), 1)]),
  Operator: repository(NAMES.operator, 'IMMUTABLE', releases),
  Tools: repository(NAMES.tools, 'IMMUTABLE', releases),
};

const projectArn = sub(
  `arn:\${AWS::Partition}:codebuild:\${AWS::Region}:\${AWS::AccountId}:project/${NAMES.project}`,
);

const builderRole: Resource = {
  Type: 'AWS::IAM::Role',
  Properties: {
    Description: 'CodeBuild builds images of tasks; untrusted Dockerfiles run beside its credentials.',
    AssumeRolePolicyDocument: trust('codebuild', ['sts:AssumeRole'], {
      StringEquals: { 'aws:SourceArn': projectArn, 'aws:SourceAccount': ref('AWS::AccountId') },
    }),
    Policies: [policyOf('builder')],
    Tags: tags(PART),
  },
};

const project: Resource = {
  Type: 'AWS::CodeBuild::Project',
  Properties: {
    Name: sub(NAMES.project),
    Description: 'Builds images of tasks. The operator says for each build what it is made of.',
    ServiceRole: attribute('BuilderRole', 'Arn'),
    // Every build names its own source and specification; one that does not fails.
    Source: {
      Type: 'S3',
      Location: sub(`${NAMES.bucket}/tasks/none/context.zip`),
      BuildSpec: '{"version": 0.2, "phases": {"build": {"commands": ["false"]}}}',
    },
    Artifacts: { Type: 'NO_ARTIFACTS' },
    Environment: {
      Type: 'LINUX_CONTAINER',
      Image: 'aws/codebuild/standard:8.0',
      ComputeType: ref('BuildCompute'),
      // Docker needs it.
      PrivilegedMode: true,
    },
    // The operator retries what is worth it. It queues, too: with a limit here, CodeBuild would refuse.
    AutoRetryLimit: 0,
    LogsConfig: { CloudWatchLogs: { Status: 'ENABLED', GroupName: ref('BuildLogs') } },
    Tags: tags(PART),
  },
};

const logGroup = (LogGroupName: ReturnType<typeof sub> | ReturnType<typeof ref>): Resource => ({
  Type: 'AWS::Logs::LogGroup',
  ...KEPT,
  Properties: { LogGroupName, RetentionInDays: ref('LogDays'), Tags: tags(PART) },
});

const output = (Description: string, name: string) => ({ Description, Value: ref(name) });

export const artifacts = template({
  Description: 'sb-operator: tasks, results, images, logs and what builds images. Kept when the rest goes.',
  Resources: {
    Bucket: bucket,
    BucketPolicy: bucketPolicy,
    ...repositories,
    BuilderRole: builderRole,
    ...optionsOf('builder', 'BuilderRole'),
    Project: project,
    BuildLogs: logGroup(sub(NAMES.buildLogs)),
    PodLogs: logGroup(ref('LogGroup')),
    // Here, since EKS writes to the name whether or not there is such a group, and it outlives its cluster.
    ClusterLogs: logGroup(sub(NAMES.clusterLogs)),
  },
  Outputs: {
    Bucket: output('SB_S3_BUCKET', 'Bucket'),
    Images: output('SB_ECR_REPO', 'Images'),
    Operator: {
      Description: 'Where the image of the operator is pushed to.',
      Value: attribute('Operator', 'RepositoryUri'),
    },
    Tools: {
      Description: 'Copies of images that builds begin with.',
      Value: attribute('Tools', 'RepositoryUri'),
    },
    Project: output('SB_CODEBUILD_PROJECT', 'Project'),
    PodLogs: output('SB_LOG_GROUP', 'PodLogs'),
  },
});
