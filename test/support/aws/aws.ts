import { delimiter } from 'node:path';
import { bashExecutor } from '../codebuild/bash/index.ts';
import { cloudWatchLogs } from '../codebuild/cloudwatch.ts';
import { startCodeBuild } from '../codebuild/index.ts';
import { type CodeBuildOptions, type CodeBuildService } from '../codebuild/service.ts';
import { makeBuildHome } from './build-home.ts';
import type { AwsRole } from '../../../src/providers/aws/permissions.ts';
import { ACCOUNT, CLOSED_REPOSITORY, CREDENTIALS, ECR_HOST, PROJECT, REGION } from './facts.ts';
import { startFront, type AwsFront } from './front.ts';
import { refusalOf, roleOf, type Role } from './iam/roles.ts';
import { startMoto, type Moto } from './moto.ts';
import { openS3Door } from './s3-door.ts';

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
  /** The front as the operator enters it: held to its policies, as it is at CodeBuild. */
  operatorUrl: string;
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
    const [operator, builder] = [rolesOf('operator'), rolesOf('builder')];
    const doors = {
      front: await front.door(builder),
      s3: ending.adopt(await openS3Door({ bind, upstream: options.s3, role: builder }), (door) =>
        door.close(),
      ).url,
    };
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
        refusal: (asked) => refusalOf(operator, asked),
        executor: executorIn(home.path, options.tools, doors),
        logs,
        ...options.codebuild,
      }),
      (one) => one.close(),
    );
    const env = { ...endpoints(front.url), AWS_ENDPOINT_URL_CODEBUILD: codebuild.url };
    const operatorUrl = await front.door(operator);
    const all = ending.move();
    return { front, operatorUrl, codebuild, env, close: () => all.disposeAsync() };
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

/** A role for the account's own repository and for the one that admins allow beside it. */
function rolesOf(name: AwsRole): Role {
  const role = roleOf(name);
  const beside = roleOf(name, [], { SB_ECR_REPO: CLOSED_REPOSITORY });
  return { ...role, policies: [...role.policies, ...beside.policies] };
}

/** `doors`: where builds find the services, held to the policies of the project's role. */
const executorIn = (home: string, tools: AwsOptions['tools'], { front, s3 }: { front: string; s3: string }) =>
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
