/** A service for one `describe`, and the unchanged SDK client in front of it. */
import {
  BatchGetBuildsCommand,
  CodeBuildClient,
  StartBuildCommand,
  type Build as SdkBuild,
  type CodeBuildClientConfig,
  type StartBuildCommandInput,
} from '@aws-sdk/client-codebuild';
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryLogs, scriptedExecutor, startCodeBuild } from './index.ts';
import { type CodeBuildOptions, type CodeBuildService } from './service.ts';

export const KEY = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG' };
export const PLACE = { region: 'us-east-1', account: '123456789012' };
export const PROJECT = 'abundant-sb-build';
export const SPEC = 'version: 0.2\nphases: {}\n';

export class TestedCodeBuild {
  service!: CodeBuildService;
  client!: CodeBuildClient;
  readonly logs = memoryLogs();

  async start(options: Partial<CodeBuildOptions>): Promise<void> {
    this.service = await startCodeBuild({
      ...PLACE,
      credentials: KEY,
      projects: { [PROJECT]: {} },
      executor: scriptedExecutor(),
      logs: this.logs,
      ...options,
    });
    this.client = this.clientWith({});
  }

  clientWith(config: CodeBuildClientConfig): CodeBuildClient {
    const { region } = PLACE;
    return new CodeBuildClient({
      region,
      endpoint: this.service.url,
      credentials: KEY,
      maxAttempts: 1,
      ...config,
    });
  }

  async startBuild(more: Partial<StartBuildCommandInput> = {}): Promise<SdkBuild> {
    const input = { projectName: PROJECT, buildspecOverride: SPEC, ...more };
    return (await this.client.send(new StartBuildCommand(input))).build!;
  }

  async get(id: string): Promise<SdkBuild> {
    const { builds } = await this.client.send(new BatchGetBuildsCommand({ ids: [id] }));
    return builds![0]!;
  }

  /** Waits for `done`, of the build as its record is. */
  async until(id: string, done: (build: SdkBuild) => boolean): Promise<SdkBuild> {
    for (;;) {
      const build = await this.get(id);
      if (done(build)) return build;
      await sleep(5);
    }
  }

  /** Starts a build and waits for its end. */
  async build(more: Partial<StartBuildCommandInput> = {}): Promise<SdkBuild> {
    const { id } = await this.startBuild(more);
    return this.until(id!, ({ buildComplete }) => buildComplete === true);
  }
}

/** A fresh service in each test of this `describe`. */
export function useCodeBuild(options: () => Partial<CodeBuildOptions> = () => ({})): TestedCodeBuild {
  const tested = new TestedCodeBuild();
  beforeEach(() => tested.start(options()));
  afterEach(async () => {
    tested.client.destroy();
    await tested.service.close();
  });
  return tested;
}

/** The error that it fails with. */
export const failure = (
  work: Promise<unknown>,
): Promise<Error & { $metadata?: { httpStatusCode?: number } }> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: Error) => error,
  );

/** `TYPE STATUS` of every phase. */
export const phasesOf = ({ phases = [] }: SdkBuild): string[] =>
  phases.map(({ phaseType, phaseStatus }) => [phaseType, phaseStatus].filter(Boolean).join(' '));
