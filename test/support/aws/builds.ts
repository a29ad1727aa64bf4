/** CodeBuild with all that its builds need: machines that really build, each held to the policies of the role under which its build runs. */
import { delimiter } from 'node:path';
import { bashExecutor } from '../codebuild/bash/index.ts';
import { cloudWatchLogs } from '../codebuild/cloudwatch.ts';
import type { Executor } from '../codebuild/executor.ts';
import { startCodeBuild } from '../codebuild/index.ts';
import type { CodeBuildOptions, CodeBuildService } from '../codebuild/service.ts';
import { makeBuildHome, REGISTRIES } from './build-home.ts';
import { ACCOUNT, CREDENTIALS, ECR_HOST, REGION } from './facts.ts';
import type { AwsFront } from './front.ts';
import { refusalOf, type Role } from './iam/roles.ts';
import { openS3Door } from './s3-door.ts';

export interface BuildsOptions {
  /** Address to listen on; default 127.0.0.1. */
  bind?: string;
  front: AwsFront;
  /** moto's URL. */
  moto: string;
  /** URL of S3 as builds on this machine reach it; its keys are `CREDENTIALS`. */
  s3: string;
  /** URL of the registry that keeps the layers, and what public registries have. */
  registry: string;
  tools: {
    /** Folder of the `aws` command. */
    bin: string;
    /** The docker command's plugin. */
    buildx: string;
  };
  /** Starts the BuildKit of the builds, which reaches ECR's host over this proxy. */
  startBuildkit: (proxy: string) => Promise<{ address: string; stop(): Promise<void> }>;
  /** Who is held to its policies at CodeBuild, and under which roles builds run: that of the project, and that of the installation's own images. */
  roles: Record<'operator' | 'builder' | 'installer', Role>;
  projects: CodeBuildOptions['projects'];
  codebuild?: Partial<Pick<CodeBuildOptions, 'quota' | 'queueLimit' | 'minuteMs'>> | undefined;
}

export interface Builds {
  codebuild: CodeBuildService;
  /** CodeBuild as the operator enters it: held to its policies. */
  operatorUrl: string;
  close(): Promise<void>;
}

export async function startBuilds(options: BuildsOptions): Promise<Builds> {
  const { bind = '127.0.0.1', front, moto, registry, roles, projects, codebuild } = options;
  const ending = new AsyncDisposableStack();
  try {
    const buildkit = ending.adopt(await options.startBuildkit(front.url), (one) => one.stop());
    const { buildx } = options.tools;
    const home = ending.adopt(await makeBuildHome({ buildx, buildkit: buildkit.address, registry }), (one) =>
      one.remove(),
    );
    const doorsOf = async (role: Role): Promise<Doors> => {
      const s3 = ending.adopt(await openS3Door({ bind, upstream: options.s3, role }), (door) => door.close());
      return { front: await front.door(role), s3: s3.url };
    };
    const machine = { home: home.path, bin: options.tools.bin };
    const builder = executorIn(machine, await doorsOf(roles.builder));
    const own = await doorsOf(roles.installer);
    const installer = executorIn(machine, own, copying(own));
    const logs = ending.adopt(cloudWatchLogs(access(moto)), (one) => one.close());
    const service = await startCodeBuild({
      host: bind,
      region: REGION,
      account: ACCOUNT,
      credentials: front.sessions.known,
      projects,
      executor: {
        // A stack gives its roles names of its own, which begin with what the template calls them.
        run: (build, session) =>
          (/-InstallerRole-/.test(build.serviceRole) ? installer : builder).run(build, session),
      },
      logs,
      ...codebuild,
    });
    ending.adopt(service, (one) => one.close());
    const operatorUrl = await service.door((asked) => refusalOf(roles.operator, asked));
    const all = ending.move();
    return { codebuild: service, operatorUrl, close: () => all.disposeAsync() };
  } catch (error) {
    await ending.disposeAsync();
    throw error;
  }
}

const access = (endpoint: string) => ({ region: REGION, endpoint, credentials: CREDENTIALS });

/** What points the SDK and the `aws` command at the front. */
export const endpoints = (front: string): Record<string, string> => ({
  AWS_REGION: REGION,
  AWS_ENDPOINT_URL_ECR: front,
  AWS_ENDPOINT_URL_ECR_PUBLIC: front,
  AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: front,
  AWS_ENDPOINT_URL_STS: front,
  AWS_ENDPOINT_URL_SECRETS_MANAGER: front,
  SB_REGISTRY_MIRRORS: `${ECR_HOST}=${front}`,
});

/** Where builds find the services, held to the policies of a role. */
interface Doors {
  front: string;
  s3: string;
}

const executorIn = (
  { home, bin }: { home: string; bin: string },
  { front, s3 }: Doors,
  more: Record<string, string> = {},
): Executor =>
  bashExecutor({
    home,
    s3: access(s3),
    secretsManager: access(front),
    path: [bin, ...(process.env['PATH'] ?? '').split(delimiter)],
    env: {
      ...endpoints(front),
      AWS_ENDPOINT_URL_S3: s3,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      ...more,
    },
  });

/** Images are copied by the docker command itself: to ECR by its own name, as on AWS, over the front; the services are reached without it. */
const copying = ({ front, s3 }: Doors): Record<string, string> => ({
  HTTP_PROXY: front,
  NO_PROXY: ['127.0.0.1', 'localhost', ...[front, s3].map((url) => new URL(url).hostname)].join(','),
  BUILDX_BUILDER: REGISTRIES,
});
