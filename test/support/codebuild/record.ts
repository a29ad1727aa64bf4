/** Builds and projects as AWS writes them on the wire: times in epoch seconds, the log's links as the log is. */
import type { Build, BuildPhase, Environment, Project, Source } from './model.ts';

export interface Place {
  region: string;
  account: string;
}

const seconds = (ms: number): number => ms / 1000;

/** AWS's link to a log stream: names percent-encoded twice, with `$` for `%`. */
const twice = (name: string): string => encodeURIComponent(encodeURIComponent(name)).replaceAll('%', '$');

function logs({ logs: { enabled, groupName, streamName, created } }: Build, place: Place) {
  const cloudWatchLogs = { status: enabled ? 'ENABLED' : 'DISABLED' };
  if (!enabled) return { cloudWatchLogs };
  // Before PROVISIONING AWS answers links to `null`, which lead nowhere.
  const [group, stream] = created ? [groupName, streamName] : ['null', 'null'];
  const console = `https://console.aws.amazon.com/cloudwatch/home?region=${place.region}`;
  return {
    ...(created && { groupName, streamName }),
    deepLink: created
      ? `${console}#logsV2:log-groups/log-group/${twice(group)}/log-events/${twice(stream)}`
      : `${console}#logEvent:group=null;stream=null`,
    cloudWatchLogsArn: `arn:aws:logs:${place.region}:${place.account}:log-group:${group}:log-stream:${stream}`,
    cloudWatchLogs,
  };
}

const phase = ({ phaseType, phaseStatus, startTime, endTime, contexts }: BuildPhase) => ({
  phaseType,
  startTime: seconds(startTime),
  ...(phaseStatus && { phaseStatus }),
  ...(contexts && { contexts }),
  ...(endTime !== undefined && {
    endTime: seconds(endTime),
    durationInSeconds: Math.floor(seconds(endTime - startTime)),
  }),
});

const sourceRecord = (source: Source) => ({ insecureSsl: false, ...source });

/** The member `build` of an answer. */
export const buildRecord = (build: Build, place: Place) => ({
  id: build.id,
  arn: build.arn,
  buildNumber: build.buildNumber,
  projectName: build.projectName,
  initiator: build.initiator,
  buildStatus: build.buildStatus,
  buildComplete: build.buildComplete,
  currentPhase: build.currentPhase,
  phases: build.phases.map(phase),
  startTime: seconds(build.startTime),
  ...(build.endTime !== undefined && { endTime: seconds(build.endTime) }),
  ...(build.sourceVersion && { sourceVersion: build.sourceVersion }),
  source: sourceRecord(build.source),
  secondarySources: [],
  secondarySourceVersions: [],
  secondaryArtifacts: [],
  artifacts: { location: '' },
  cache: { type: 'NO_CACHE' },
  environment: build.environment,
  serviceRole: build.serviceRole,
  logs: logs(build, place),
  timeoutInMinutes: build.timeoutInMinutes,
  queuedTimeoutInMinutes: build.queuedTimeoutInMinutes,
  encryptionKey: `arn:aws:kms:${place.region}:${place.account}:alias/aws/s3`,
  exportedEnvironmentVariables: build.exportedEnvironmentVariables,
});

/** What AWS makes of what an administrator left out. */
export interface ProjectDefaults {
  source: Source;
  environment: Environment;
  serviceRole: string;
  timeoutInMinutes: number;
  queuedTimeoutInMinutes: number;
}

/** The project with AWS's defaults. */
export const withDefaults = (name: string, project: Project, place: Place): Project & ProjectDefaults => ({
  serviceRole: `arn:aws:iam::${place.account}:role/${name}`,
  source: { type: 'NO_SOURCE' },
  timeoutInMinutes: 60,
  queuedTimeoutInMinutes: 480,
  ...project,
  environment: {
    type: 'LINUX_CONTAINER',
    image: 'aws/codebuild/standard:8.0',
    computeType: 'BUILD_GENERAL1_MEDIUM',
    privilegedMode: false,
    imagePullCredentialsType: 'CODEBUILD',
    environmentVariables: [],
    ...project.environment,
  },
});

export const projectArn = (name: string, { region, account }: Place): string =>
  `arn:aws:codebuild:${region}:${account}:project/${name}`;

/** A member of BatchGetProjects' `projects`. */
export function projectRecord(name: string, given: Project, place: Place) {
  const { logGroup, logsDisabled, ...project } = withDefaults(name, given, place);
  const cloudWatchLogs = {
    status: logsDisabled ? 'DISABLED' : 'ENABLED',
    ...(logGroup && { groupName: logGroup }),
  };
  return {
    ...project,
    name,
    arn: projectArn(name, place),
    source: sourceRecord(project.source),
    artifacts: { type: 'NO_ARTIFACTS' },
    cache: { type: 'NO_CACHE' },
    logsConfig: { cloudWatchLogs, s3Logs: { status: 'DISABLED' } },
    badge: { badgeEnabled: false },
    projectVisibility: 'PRIVATE',
  };
}
