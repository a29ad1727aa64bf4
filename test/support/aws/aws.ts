import { type CodeBuildOptions, type CodeBuildService } from '../codebuild/service.ts';
import type { AwsRole } from '../../../src/providers/aws/permissions.ts';
import { endpoints, startBuilds, type BuildsOptions } from './builds.ts';
import { CLOSED_REPOSITORY, PROJECT } from './facts.ts';
import { startFront, type AwsFront } from './front.ts';
import { roleOf, type Role } from './iam/roles.ts';
import { startMoto, type Moto } from './moto.ts';

export interface AwsOptions extends Pick<
  BuildsOptions,
  'bind' | 'tools' | 's3' | 'registry' | 'startBuildkit'
> {
  codebuild?: Partial<Pick<CodeBuildOptions, 'quota' | 'queueLimit' | 'projects' | 'minuteMs'>>;
}

export interface Aws {
  front: AwsFront;
  /** Front and CodeBuild as the operator enters them: held to its policies. */
  operatorUrls: { front: string; codebuild: string };
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
    const roles = {
      operator: rolesOf('operator'),
      builder: rolesOf('builder'),
      installer: rolesOf('installer'),
    };
    const { projects = { [PROJECT]: {} }, ...limits } = options.codebuild ?? {};
    const builds = await startBuilds({
      ...options,
      front,
      moto: moto.url,
      roles,
      projects,
      codebuild: limits,
    });
    const { codebuild, operatorUrl } = ending.adopt(builds, (one) => one.close());
    const env = { ...endpoints(front.url), AWS_ENDPOINT_URL_CODEBUILD: codebuild.url };
    const operatorUrls = { front: await front.door(roles.operator), codebuild: operatorUrl };
    const all = ending.move();
    return { front, operatorUrls, codebuild, env, close: () => all.disposeAsync() };
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

/** A role for the account's own repository and for the one that admins allow beside it. */
function rolesOf(name: AwsRole): Role {
  const role = roleOf(name);
  const beside = roleOf(name, [], { SB_ECR_REPO: CLOSED_REPOSITORY });
  return { ...role, policies: [...role.policies, ...beside.policies] };
}
