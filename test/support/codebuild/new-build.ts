/** Makes the record of a build out of its project and the call that starts it. */
import { randomUUID } from 'node:crypto';
import { invalidInput } from './errors.ts';
import type { Build, BuildLogs, Environment, EnvironmentVariable, Project, Source } from './model.ts';
import { withDefaults, type Place, type ProjectDefaults } from './record.ts';
import type { StartBuildRequest } from './requests.ts';

export interface NewBuild {
  request: StartBuildRequest;
  project: Project;
  place: Place;
  buildNumber: number;
  initiator: string;
  now: number;
}

const S3_ZIP = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/.+\.zip$/;

function checkSource({ type, location, buildspec }: Source): void {
  if (type === 'S3' && !S3_ZIP.test(location ?? '')) {
    throw invalidInput(
      `Invalid input: source location must be <bucket-name>/<path>/<object-name>.zip for S3, not ${location}`,
    );
  }
  if (type === 'NO_SOURCE' && !buildspec) {
    throw invalidInput('Invalid input: when using no source, a buildspec must be specified');
  }
}

/** Empty text counts as absent, as AWS says of the buildspec. */
function source(request: StartBuildRequest, given: Source): Source {
  const type = request.sourceTypeOverride ?? given.type;
  const location = request.sourceLocationOverride ?? given.location;
  const buildspec = request.buildspecOverride ?? given.buildspec;
  const made = { type, ...(type === 'S3' && location && { location }), ...(buildspec && { buildspec }) };
  checkSource(made);
  return made;
}

/** The call's variables replace the project's of the same name. */
function variables(request: StartBuildRequest, given: EnvironmentVariable[]): EnvironmentVariable[] {
  const overrides = (request.environmentVariablesOverride ?? []).map(
    ({ name, value, type = 'PLAINTEXT' }): EnvironmentVariable => ({ name, value, type }),
  );
  return [...new Map([...given, ...overrides].map((variable) => [variable.name, variable])).values()];
}

function environment(request: StartBuildRequest, given: Environment): Environment {
  const pull = request.imagePullCredentialsTypeOverride ?? given.imagePullCredentialsType;
  return {
    type: request.environmentTypeOverride ?? given.type,
    image: request.imageOverride ?? given.image,
    computeType: request.computeTypeOverride ?? given.computeType,
    privilegedMode: request.privilegedModeOverride ?? given.privilegedMode,
    environmentVariables: variables(request, given.environmentVariables),
    ...(pull && { imagePullCredentialsType: pull }),
  };
}

function logs({ request, project }: NewBuild, uuid: string): BuildLogs {
  const override = request.logsConfigOverride?.cloudWatchLogs;
  return {
    enabled: override ? override.status === 'ENABLED' : !project.logsDisabled,
    groupName: override?.groupName ?? project.logGroup ?? `/aws/codebuild/${request.projectName}`,
    streamName: override?.streamName ? `${override.streamName}/${uuid}` : uuid,
    created: false,
  };
}

const timeouts = (request: StartBuildRequest, project: ProjectDefaults) => ({
  timeoutInMinutes: request.timeoutInMinutesOverride ?? project.timeoutInMinutes,
  queuedTimeoutInMinutes: request.queuedTimeoutInMinutesOverride ?? project.queuedTimeoutInMinutes,
});

/** Throws `InvalidInputException` where call and project together make no source. */
export function newBuild(wanted: NewBuild): Build {
  const { request, place } = wanted;
  const project = withDefaults(request.projectName, wanted.project, place);
  const uuid = randomUUID();
  const id = `${request.projectName}:${uuid}`;
  return {
    id,
    arn: `arn:aws:codebuild:${place.region}:${place.account}:build/${id}`,
    projectName: request.projectName,
    buildNumber: wanted.buildNumber,
    initiator: wanted.initiator,
    buildStatus: 'IN_PROGRESS',
    buildComplete: false,
    currentPhase: 'SUBMITTED',
    phases: [],
    startTime: wanted.now,
    source: source(request, project.source),
    ...(request.sourceVersion && { sourceVersion: request.sourceVersion }),
    environment: environment(request, project.environment),
    serviceRole: request.serviceRoleOverride ?? project.serviceRole,
    ...timeouts(request, project),
    exportedEnvironmentVariables: [],
    logs: logs(wanted, uuid),
  };
}
