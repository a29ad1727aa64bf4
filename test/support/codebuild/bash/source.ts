/** The source of a build: the pinned version of the zip in S3, unpacked, and the build specification. */
import { GetObjectCommand, NoSuchKey, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiveError } from '../../../../src/tasks/archive/directory.ts';
import { unpack } from '../../../../src/tasks/archive/unpack.ts';
import { PhaseFailure } from '../executor.ts';
import type { Build } from '../model.ts';
import type { AwsAccess } from './access.ts';
import { parseBuildspec, type Buildspec } from './buildspec.ts';

const failed = (build: Build, why: string): PhaseFailure =>
  new PhaseFailure(
    'CLIENT_ERROR',
    `${why} for primary source and source version ${build.sourceVersion ?? 'null'}`,
  );

async function download(build: Build, access: AwsAccess): Promise<Uint8Array> {
  const [bucket = '', ...key] = (build.source.location ?? '').split('/');
  const client = new S3Client({ ...access, forcePathStyle: true });
  const wanted = { Bucket: bucket, Key: key.join('/'), VersionId: build.sourceVersion };
  try {
    const { Body } = await client.send(new GetObjectCommand(wanted));
    return await Body!.transformToByteArray();
  } catch (error) {
    if (!(error instanceof S3ServiceException)) throw error;
    const name = error instanceof NoSuchKey ? 'NoSuchKey' : error.name;
    throw failed(build, `${name}: ${error.message}\n\tstatus code: ${error.$metadata.httpStatusCode}`);
  } finally {
    client.destroy();
  }
}

/** Puts the source into `folder`. Throws the `PhaseFailure` that AWS gives where it is not there or no archive. */
export async function fetchSource(build: Build, access: AwsAccess, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (build.source.type === 'NO_SOURCE') return;
  const zip = await download(build, access);
  await unpack(zip, folder, { context: '' }).catch((error: unknown) => {
    if (error instanceof ArchiveError) throw failed(build, error.message);
    throw error;
  });
}

/** The text of the specification: inline, a file of the source by its path, or the source's own. */
async function text({ source: { buildspec = 'buildspec.yml' } }: Build, folder: string): Promise<string> {
  if (buildspec.includes('\n') || buildspec.startsWith('{')) return buildspec;
  if (buildspec.startsWith('arn:')) {
    throw new PhaseFailure('YAML_FILE_ERROR', 'a buildspec in S3 is not supported by the test service');
  }
  return readFile(join(folder, buildspec), 'utf8').catch(() => {
    throw new PhaseFailure('YAML_FILE_ERROR', 'YAML file does not exist');
  });
}

export const readBuildspec = async (build: Build, folder: string): Promise<Buildspec> =>
  parseBuildspec(await text(build, folder));
