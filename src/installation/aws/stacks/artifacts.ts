/** The stack that is kept: tasks, results, images, logs, and what builds images. Nothing in it costs by the hour. */
import { optionsOf, policyOf } from './policies.ts';
import { attribute, KEPT, NAMES, ref, sub, tags, template, trust, when, type Resource } from './template.ts';

const PART = 'artifacts';

/** How long builds and uploads that nobody ended, and what was overwritten, are kept. */
const DAYS = { upload: 7, oldVersion: 30, untagged: 14, unused: 90, archived: 90, cache: 30 } as const;
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

const rule = (description: string, selection: object, action: object = { type: 'expire' }) => ({
  description,
  selection,
  action,
});
const since = (event: 'Pushed' | 'Pulled' | 'Transitioned', days: number) => ({
  tagStatus: 'any',
  countType: `sinceImage${event}`,
  countUnit: 'days',
  countNumber: days,
});
const untagged = rule('untagged', { ...since('Pushed', DAYS.untagged), tagStatus: 'untagged' });

/** The first rule that fits an image holds for it. */
const repository = (
  name: string,
  mutability: 'MUTABLE' | 'IMMUTABLE',
  rules: readonly ReturnType<typeof rule>[],
): Resource => ({
  Type: 'AWS::ECR::Repository',
  ...KEPT,
  Properties: {
    RepositoryName: sub(name),
    ImageTagMutability: mutability,
    LifecyclePolicy: {
      LifecyclePolicyText: JSON.stringify({
        rules: rules.map((one, index) => ({ rulePriority: index + 1, ...one })),
      }),
    },
    Tags: tags(PART),
  },
});

const releases = [
  untagged,
  rule('all but the newest', {
    tagStatus: 'any',
    countType: 'imageCountMoreThan',
    countNumber: RELEASES,
  }),
];

const repositories = {
  // Built again when a Trial asks for it. ECR cannot delete by the last pull, only archive.
  Images: repository(NAMES.images, 'IMMUTABLE', [
    untagged,
    rule('not used', since('Pulled', DAYS.unused), { type: 'transition', targetStorageClass: 'archive' }),
    rule('archived', { ...since('Transitioned', DAYS.archived), storageClass: 'archive' }),
  ]),
  Cache: repository(NAMES.cache, 'MUTABLE', [rule('layers', since('Pushed', DAYS.cache))]),
  Operator: repository(NAMES.operator, 'IMMUTABLE', releases),
  BuildKit: repository(NAMES.buildKit, 'IMMUTABLE', releases),
  FluentBit: repository(NAMES.fluentBit, 'IMMUTABLE', releases),
  // `dockerfile:1` is pushed anew with every release of it.
  Frontends: repository(NAMES.frontends, 'MUTABLE', releases),
};

const projectArn = sub(
  `arn:\${AWS::Partition}:codebuild:\${AWS::Region}:\${AWS::AccountId}:project/${NAMES.project}`,
);

const roleOfBuilds = (policy: Parameters<typeof policyOf>[0], Description: string): Resource => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    Description,
    AssumeRolePolicyDocument: trust('codebuild', ['sts:AssumeRole'], {
      StringEquals: { 'aws:SourceArn': projectArn, 'aws:SourceAccount': ref('AWS::AccountId') },
    }),
    Policies: [policyOf(policy)],
    Tags: tags(PART),
  },
});

const builderRole = roleOfBuilds(
  'builder',
  'CodeBuild builds images of tasks; untrusted Dockerfiles run beside its credentials.',
);

/** A role of its own, since a Dockerfile of a task that could push the operator's image would run everywhere. */
const installerRole = roleOfBuilds(
  'installer',
  'CodeBuild brings the images of the installation along; nothing of others runs beside it.',
);

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
    InstallerRole: installerRole,
    ...optionsOf('installer', 'InstallerRole'),
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
    BuildKit: {
      Description: 'Where a copy of BuildKit is pushed to, for SB_BUILDKIT_IMAGE.',
      Value: attribute('BuildKit', 'RepositoryUri'),
    },
    Tools: {
      Description: 'Mirror of docker.io/docker, for SB_BASE_IMAGE_MIRRORS.',
      Value: sub(`\${AWS::AccountId}.dkr.ecr.\${AWS::Region}.\${AWS::URLSuffix}/${NAMES.tools}`),
    },
    Installer: {
      Description: 'Role of the build that brings images along.',
      Value: attribute('InstallerRole', 'Arn'),
    },
    Project: output('SB_CODEBUILD_PROJECT', 'Project'),
    PodLogs: output('SB_LOG_GROUP', 'PodLogs'),
    Key: { ...output('SB_KMS_KEY_ID', 'KeyId'), Condition: 'HasKey' },
    BudgetCorrection: {
      ...output('SB_BUDGET_CORRECTION', 'BudgetCorrection'),
      Condition: 'HasCostExplorer',
    },
  },
});
