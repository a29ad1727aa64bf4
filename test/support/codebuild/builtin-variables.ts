/** Variables that every build has, and those in plain text of project and call. */
import type { Build } from './model.ts';

function ofSource({ source, sourceVersion }: Build): Record<string, string> {
  return {
    ...(source.location && { CODEBUILD_SOURCE_REPO_URL: `s3://${source.location}` }),
    ...(sourceVersion && { CODEBUILD_SOURCE_VERSION: sourceVersion }),
  };
}

function plain({ environment }: Build): Record<string, string> {
  const variables = environment.environmentVariables.filter(({ type }) => type === 'PLAINTEXT');
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]));
}

/** By name. CODEBUILD_SRC_DIR, CODEBUILD_BUILD_SUCCEEDING and HOME are the executor's to add. */
export const builtinVariables = (build: Build, region: string): Record<string, string> => ({
  ...plain(build),
  AWS_DEFAULT_REGION: region,
  AWS_REGION: region,
  CODEBUILD_BUILD_ARN: build.arn,
  CODEBUILD_BUILD_ID: build.id,
  CODEBUILD_BUILD_IMAGE: build.environment.image,
  CODEBUILD_BUILD_NUMBER: String(build.buildNumber),
  CODEBUILD_CI: 'true',
  CODEBUILD_INITIATOR: build.initiator,
  CODEBUILD_LOG_PATH: build.logs.streamName,
  CODEBUILD_START_TIME: String(build.startTime),
  ...ofSource(build),
});
