/** AWS::CodeBuild::Project, as a project of the CodeBuild service. */
import type { Project } from '../../codebuild/model.ts';
import type { Values } from '../model.ts';
import { nameTaken, type ResourceType } from '../resource-type.ts';

interface Declared {
  Name: string;
  ServiceRole: string;
  Source: { Type: 'S3'; Location: string; BuildSpec?: string };
  Environment: { Type: string; Image: string; ComputeType: string; PrivilegedMode?: boolean };
  TimeoutInMinutes?: number;
  QueuedTimeoutInMinutes?: number;
  ConcurrentBuildLimit?: number;
  LogsConfig?: { CloudWatchLogs?: { Status: string; GroupName?: string } };
}

function projectOf(values: Values): Project {
  const declared = values as unknown as Declared;
  const { Source, Environment, LogsConfig } = declared;
  const logGroup = LogsConfig?.CloudWatchLogs?.GroupName;
  return {
    serviceRole: declared.ServiceRole,
    source: {
      type: Source.Type,
      location: Source.Location,
      ...(Source.BuildSpec !== undefined && { buildspec: Source.BuildSpec }),
    },
    environment: {
      type: Environment.Type,
      image: Environment.Image,
      computeType: Environment.ComputeType,
      privilegedMode: Environment.PrivilegedMode === true,
    },
    ...(declared.TimeoutInMinutes !== undefined && { timeoutInMinutes: declared.TimeoutInMinutes }),
    ...(declared.ConcurrentBuildLimit !== undefined && {
      concurrentBuildLimit: declared.ConcurrentBuildLimit,
    }),
    ...(logGroup !== undefined && { logGroup }),
  };
}

export function codeBuildProject(projects: Record<string, Project>): ResourceType {
  return {
    attributes: ['Arn'],
    replacedBy: ['Name'],
    async create({ properties }) {
      const name = String(properties['Name']);
      if (Object.hasOwn(projects, name)) throw nameTaken('AWS::CodeBuild::Project', name);
      projects[name] = projectOf(properties);
      return { physicalId: name };
    },
    async update({ physicalId }, next) {
      projects[physicalId] = projectOf(next);
    },
    async remove({ physicalId }) {
      delete projects[physicalId];
    },
  };
}
