/** AWS::S3::Bucket and its policy, by the SDK, in whatever S3 the tests have. */
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  HeadBucketCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  S3Client,
  type S3ServiceException,
} from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import { CREDENTIALS, REGION } from '../../aws/facts.ts';
import type { Values } from '../model.ts';
import { handlerFailure, nameTaken, type ResourceType } from '../resource-type.ts';

export interface S3Access {
  url: string;
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

const clientOf = ({ url, credentials = CREDENTIALS }: S3Access): S3Client =>
  new S3Client({ endpoint: url, region: REGION, credentials, forcePathStyle: true });

/** S3 in us-east-1 takes a second creation by the owner for none; CloudFormation does not. */
async function refuseTaken(client: S3Client, Bucket: string): Promise<void> {
  const isThere = await client.send(new HeadBucketCommand({ Bucket })).then(
    () => true,
    (error: S3ServiceException) => error.$metadata?.httpStatusCode !== 404,
  );
  if (isThere) throw nameTaken('AWS::S3::Bucket', Bucket);
}

const failed = (error: unknown): never => {
  throw handlerFailure((error as Error).message, 'GeneralServiceException');
};

/** versitygw has no encryption and no lifecycle of its own; what it does not have is not an error of the stack. */
const whereThere = (error: unknown): void => {
  if (!['NotImplemented', 'MethodNotAllowed'].includes((error as S3ServiceException).name)) failed(error);
};

async function configure(client: S3Client, Bucket: string, properties: Values): Promise<void> {
  const versioning = properties['VersioningConfiguration'] as { Status: 'Enabled' } | undefined;
  const tags = properties['Tags'] as { Key: string; Value: string }[] | undefined;
  const encryption = properties['BucketEncryption'] as
    | {
        ServerSideEncryptionConfiguration: {
          ServerSideEncryptionByDefault: never;
          BucketKeyEnabled: boolean;
        }[];
      }
    | undefined;
  const rules = properties['LifecycleConfiguration'] as { Rules: Rule[] } | undefined;
  if (versioning)
    await client
      .send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: versioning }))
      .catch(failed);
  if (tags)
    await client.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet: tags } })).catch(failed);
  if (encryption)
    await client
      .send(
        new PutBucketEncryptionCommand({
          Bucket,
          ServerSideEncryptionConfiguration: {
            Rules: encryption.ServerSideEncryptionConfiguration.map((rule) => ({
              ApplyServerSideEncryptionByDefault: rule.ServerSideEncryptionByDefault,
              BucketKeyEnabled: rule.BucketKeyEnabled,
            })),
          },
        }),
      )
      .catch(whereThere);
  if (rules)
    await client
      .send(
        new PutBucketLifecycleConfigurationCommand({
          Bucket,
          LifecycleConfiguration: { Rules: rules.Rules.map(ruleOf) },
        }),
      )
      .catch(whereThere);
}

interface Rule {
  Id: string;
  Status: 'Enabled' | 'Disabled';
  AbortIncompleteMultipartUpload?: { DaysAfterInitiation: number };
  NoncurrentVersionExpiration?: { NoncurrentDays: number };
  ExpiredObjectDeleteMarker?: boolean;
}

/** The API has the marker among expirations, and wants to know of which objects. */
const ruleOf = ({ Id, ExpiredObjectDeleteMarker, ...rule }: Rule) => ({
  ...rule,
  ID: Id,
  Filter: { Prefix: '' },
  ...(ExpiredObjectDeleteMarker !== undefined && { Expiration: { ExpiredObjectDeleteMarker } }),
});

export function bucketType(access: S3Access): ResourceType {
  const client = clientOf(access);
  return {
    attributes: ['Arn'],
    replacedBy: ['BucketName'],
    async create({ properties, stackName, logicalId }) {
      const given = properties['BucketName'] as string | undefined;
      const Bucket = given ?? `${stackName}-${logicalId}-${randomUUID().slice(0, 12)}`.toLowerCase();
      await refuseTaken(client, Bucket);
      await client.send(new CreateBucketCommand({ Bucket })).catch(failed);
      await configure(client, Bucket, properties);
      return { physicalId: Bucket, attributes: { Arn: `arn:aws:s3:::${Bucket}` } };
    },
    update: ({ physicalId }, next) => configure(client, physicalId, next),
    // S3 says itself that a bucket is not empty.
    async remove({ physicalId: Bucket }) {
      await client.send(new DeleteBucketCommand({ Bucket })).catch((error: S3ServiceException) => {
        if (error.name !== 'NoSuchBucket') failed(error);
      });
    },
  };
}

/** Kept here and not put: moto and versitygw do not evaluate its conditions, and then deny everything over HTTP and HTTPS alike. */
export function bucketPolicyType(): ResourceType {
  const policies = new Map<string, unknown>();
  return {
    attributes: [],
    replacedBy: ['Bucket'],
    async create({ properties }) {
      const bucket = String(properties['Bucket']);
      if (policies.has(bucket)) throw nameTaken('AWS::S3::BucketPolicy', bucket);
      policies.set(bucket, properties['PolicyDocument']);
      return { physicalId: bucket };
    },
    update: async ({ physicalId }, next) => void policies.set(physicalId, next['PolicyDocument']),
    remove: async ({ physicalId }) => void policies.delete(physicalId),
  };
}
