/** ToolBuilder over AWS CodeBuild: the installation's own project, under a role of its own. One attempt a call: retries are a decorator’s. */
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import {
  BatchGetBuildsCommand,
  CodeBuildClient,
  StartBuildCommand,
  type Build as BuildRecord,
  type CodeBuildClientConfig,
  type StartBuildCommandInput,
} from '@aws-sdk/client-codebuild';
import { httpWithin } from '../aws/http.ts';
import { arnIn, partitionOf } from '../aws/partition.ts';
import type { AwsAction } from '../aws/permissions.ts';
import { ProviderError } from '../errors.ts';
import type { ToolBuild, ToolBuilder, ToolBuildState } from '../tool-builder/port.ts';
import { codebuildError } from './codebuild/errors.ts';
import { cloudWatchLog, type ReadLog } from './codebuild/log.ts';
import { TOOLS_BUILDSPEC } from './tools/buildspec.ts';

export interface ToolBuilderSettings {
  region: string;
  /** CodeBuild project. */
  project: string;
  /** Logins are `<stack>/<name>` in Secrets Manager. */
  stack: string;
  /** ARN of the role that may push the images: that of builds of tasks, beside whose credentials untrusted Dockerfiles run, may not. */
  role: string;
  /** BuildKit, where an image is built and the build environment brings none: one of the copies. */
  buildKit: string;
  /** Default: the SDK’s own search. */
  credentials?: NonNullable<CodeBuildClientConfig['credentials']>;
  endpoint?: string;
  /** Seconds before each try of a copy. */
  pauses?: string;
  /** Default: CloudWatch Logs. */
  readLog?: ReadLog;
}

const TIMEOUT_MS = 30_000;
const MINUTES = 60;
const PAUSES = '0 5 20 60 120';
/** Base images that the operator's Dockerfile begins with. */
const BASES = 'node:26-slim golang:1.26';
const OFFICIAL = 'public.ecr.aws/docker/library';
const PUBLIC_REGISTRY = 'public.ecr.aws';
/** Name of the login at Docker Hub in Secrets Manager, behind the stack's. */
const LOGIN = 'dockerhub';
const LOG_LINES = 15;

const registryOf = (image: string): string => image.split('/')[0] ?? '';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** The request that starts it. Pure. */
export function toolsRequest(build: ToolBuild, settings: ToolBuilderSettings): StartBuildCommandInput {
  const { copies, image, token, loggedIn } = build;
  const variables: Record<string, string | undefined> = {
    SB_REGISTRY: registryOf(image?.target ?? copies[0]?.target ?? ''),
    SB_PUBLIC_REGISTRY: partitionOf(settings.region).publicRegistry ? PUBLIC_REGISTRY : undefined,
    SB_COPIES: base64(copies.map(({ source, target }) => `${source} ${target}\n`).join('')),
    SB_PAUSES: settings.pauses ?? PAUSES,
    ...(image && {
      SB_IMAGE: image.target,
      SB_PLATFORM: image.platform,
      SB_CONTEXT_BUCKET: image.context.bucket,
      SB_CONTEXT_KEY: image.context.key,
      SB_CONTEXT_SHA256: image.context.sha256,
      SB_BASES: BASES,
      SB_BASES_FROM: OFFICIAL,
      SB_BUILDKIT_IMAGE: settings.buildKit,
    }),
  };
  return {
    projectName: settings.project,
    idempotencyToken: token,
    sourceTypeOverride: 'NO_SOURCE',
    buildspecOverride: TOOLS_BUILDSPEC,
    serviceRoleOverride: settings.role,
    environmentVariablesOverride: [
      ...Object.entries(variables).flatMap(([name, value]) =>
        value ? [{ name, value, type: 'PLAINTEXT' as const }] : [],
      ),
      ...(loggedIn ? ['username', 'password'] : []).map((key) => ({
        name: `SB_DOCKERHUB_${key.toUpperCase()}`,
        value: `${settings.stack}/${LOGIN}:${key}`,
        type: 'SECRETS_MANAGER' as const,
      })),
    ],
    artifactsOverride: { type: 'NO_ARTIFACTS' },
    privilegedModeOverride: true,
    timeoutInMinutesOverride: MINUTES,
    autoRetryLimitOverride: 0,
  };
}

class CodeBuildToolBuilder implements ToolBuilder {
  readonly #settings: ToolBuilderSettings;
  readonly #client: CodeBuildClient;
  readonly #readLog: ReadLog;

  constructor(settings: ToolBuilderSettings) {
    const { region, endpoint, credentials } = settings;
    const shared = {
      region,
      maxAttempts: 1,
      requestHandler: httpWithin(TIMEOUT_MS),
      ...(credentials && { credentials }),
    };
    this.#settings = settings;
    this.#client = new CodeBuildClient({ ...shared, ...(endpoint !== undefined && { endpoint }) });
    this.#readLog = settings.readLog ?? cloudWatchLog(new CloudWatchLogsClient(shared));
  }

  async start(build: ToolBuild): Promise<string> {
    const request = toolsRequest(build, this.#settings);
    const { build: started } = await this.#send('StartBuild', () =>
      this.#client.send(new StartBuildCommand(request)),
    );
    if (started?.id) return started.id;
    throw new ProviderError('Unavailable', 'start a build of tools: the answer names no build');
  }

  async state(id: string): Promise<ToolBuildState> {
    const { builds: [record] = [] } = await this.#send('BatchGetBuilds', () =>
      this.#client.send(new BatchGetBuildsCommand({ ids: [id] })),
    );
    if (!record) throw new ProviderError('NotFound', `build ${id}: CodeBuild does not know it`);
    const phase = record.currentPhase ?? 'QUEUED';
    if (record.buildStatus === 'IN_PROGRESS' || record.buildStatus === undefined)
      return { kind: 'running', phase };
    if (record.buildStatus === 'SUCCEEDED') return { kind: 'succeeded' };
    return { kind: 'failed', phase: failedPhase(record), log: await this.#log(record) };
  }

  /** A log that cannot be read is no reason to hide that the build failed. */
  async #log({ logs }: BuildRecord): Promise<string> {
    if (!logs?.groupName || !logs.streamName) return '';
    const text = await this.#readLog(logs.groupName, logs.streamName).catch(
      (error: unknown) => (error as Error).message,
    );
    return text.trimEnd().split('\n').slice(-LOG_LINES).join('\n');
  }

  async #send<T>(operation: 'StartBuild' | 'BatchGetBuilds', send: () => Promise<T>): Promise<T> {
    const { region, project } = this.#settings;
    const action: AwsAction = `codebuild:${operation}`;
    const on = arnIn(region, `codebuild:${region}:<account>:project/${project}`);
    try {
      return await send();
    } catch (error) {
      throw codebuildError({ call: `${operation} of ${project}`, action, on }, error);
    }
  }
}

const failedPhase = ({ phases = [], currentPhase }: BuildRecord): string =>
  phases.find(({ phaseStatus }) => phaseStatus !== undefined && phaseStatus !== 'SUCCEEDED')?.phaseType ??
  currentPhase ??
  '';

export const codeBuildTools = (settings: ToolBuilderSettings): ToolBuilder =>
  new CodeBuildToolBuilder(settings);
