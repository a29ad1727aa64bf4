import { delimiter } from 'node:path';
import { bashExecutor } from '../codebuild/bash/index.ts';
import { cloudWatchLogs } from '../codebuild/cloudwatch.ts';
import { startCodeBuild } from '../codebuild/index.ts';
import { type CodeBuildOptions, type CodeBuildService } from '../codebuild/service.ts';
import { makeBuildHome } from './build-home.ts';
import { ACCOUNT, CREDENTIALS, ECR_HOST, PROJECT, REGION } from './facts.ts';
import { startFront, type AwsFront } from './front.ts';
import { startMoto, type Moto } from './moto.ts';

export interface AwsOptions {
  /** Address that the services listen on, reachable for whoever calls them; default 127.0.0.1. */
  bind?: string;
  tools: {
    /** Folder of the `aws` command. */
    bin: string;
    /** The docker command's plugin. */
    buildx: string;
  };
  /** URL of S3 as builds on this machine reach it; its keys are `CREDENTIALS`. */
  s3: string;
  /** URL of the registry that keeps the layers. */
  registry: string;
  /** Starts the BuildKit of the builds, which reaches ECR's host over this proxy. */
  startBuildkit: (proxy: string) => Promise<{ address: string; stop(): Promise<void> }>;
  codebuild?: Partial<Pick<CodeBuildOptions, 'quota' | 'queueLimit' | 'projects' | 'minuteMs'>>;
}

export interface Aws {
  front: AwsFront;
  codebuild: CodeBuildService;
  /** What points the SDK, the `aws` command and the operator at these services; S3 is not among them. */
  env: Record<string, string>;
  close(): Promise<void>;
}

/** Starts an account with the operator's repository and project, and all that its builds need. */
export async function startAws(options: AwsOptions): Promise<Aws> {
  const { bind = '127.0.0.1', registry } = options;
  const ending = new AsyncDisposableStack();
  try {
    const moto = ending.adopt(await motoOrThrow(), (server) => server.close());
    const front = ending.adopt(await startFront({ bind, moto: moto.url, registry }), (one) => one.close());
    const buildkit = ending.adopt(await options.startBuildkit(front.url), (one) => one.stop());
    const home = ending.adopt(
      await makeBuildHome({ buildx: options.tools.buildx, buildkit: buildkit.address }),
      (one) => one.remove(),
    );
    const logs = ending.adopt(cloudWatchLogs(access(moto.url)), (one) => one.close());
    const codebuild = ending.adopt(
      await startCodeBuild({
        host: bind,
        region: REGION,
        account: ACCOUNT,
        credentials: front.sessions.known,
        projects: { [PROJECT]: {} },
        executor: executorIn(home.path, options, front.url),
        logs,
        ...options.codebuild,
      }),
      (one) => one.close(),
    );
    const env = { ...endpoints(front.url), AWS_ENDPOINT_URL_CODEBUILD: codebuild.url };
    const all = ending.move();
    return { front, codebuild, env, close: () => all.disposeAsync() };
  } catch (error) {
    await ending.disposeAsync();
    throw error;
  }
}

async function motoOrThrow(): Promise<Moto> {
  const moto = await startMoto();
  if (!moto) throw new Error('moto is not installed: npm run test:e2e does that');
  return moto;
}

const access = (endpoint: string) => ({ region: REGION, endpoint, credentials: CREDENTIALS });

const endpoints = (front: string): Record<string, string> => ({
  AWS_REGION: REGION,
  AWS_ENDPOINT_URL_ECR: front,
  AWS_ENDPOINT_URL_ECR_PUBLIC: front,
  AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: front,
  AWS_ENDPOINT_URL_STS: front,
  AWS_ENDPOINT_URL_SECRETS_MANAGER: front,
  SB_REGISTRY_MIRRORS: `${ECR_HOST}=${front}`,
});

const executorIn = (home: string, { tools, s3 }: AwsOptions, front: string) =>
  bashExecutor({
    home,
    s3: access(s3),
    secretsManager: access(front),
    path: [tools.bin, ...(process.env['PATH'] ?? '').split(delimiter)],
    env: {
      ...endpoints(front),
      AWS_ENDPOINT_URL_S3: s3,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
    },
  });
