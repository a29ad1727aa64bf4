/** An account of AWS with nothing in it, whose clusters are the local one: what `sb cloud init` meets. */
import { awsNames } from '../../../src/installation/aws/names.ts';
import type { AwsRole } from '../../../src/providers/aws/permissions.ts';
import { startBuilds } from '../../support/aws/builds.ts';
import { startCloud, type Cloud } from '../../support/aws/cloud.ts';
import { ACCOUNT, CREDENTIALS, ECR_HOST, REGION, STACK } from '../../support/aws/facts.ts';
import { roleOf } from '../../support/aws/iam/roles.ts';
import { openS3Owner } from '../../support/aws/s3-owner.ts';
import { startMoto } from '../../support/aws/moto.ts';
import { kubeconfig } from '../../support/cluster.ts';
import type { CodeBuildService } from '../../support/codebuild/service.ts';
import { upstreamOf } from '../../support/eks/index.ts';
import { ensurePython } from '../cluster/aws/python.ts';
import { docker, ensureAwsTools, hostAddress, registry, s3, startAwsBuildkit } from '../cluster/index.ts';

export interface EmptyAccount {
  cloud: Cloud;
  codebuild: CodeBuildService;
  /** moto's URL. */
  moto: string;
  /** Where the log shipper finds CloudWatch, held to its policies. */
  logsUrl: string;
  /** What points `sb` at these services, with an admin's keys. */
  env: Record<string, string>;
  /** What points the operator at them, in the place of Pod Identity and of AWS's own names. */
  operatorEnv: Record<string, string>;
  close(): Promise<void>;
}

const KEYS = {
  AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
};
const BUCKET = awsNames({ stack: STACK, account: ACCOUNT, region: REGION }).bucket;
const role = (name: AwsRole) => roleOf(name, [], { SB_S3_BUCKET: BUCKET });

export async function openEmptyAccount(): Promise<EmptyAccount> {
  // A story that was killed has left it.
  await docker(['exec', 'sb-s3', 'rm', '-rf', ...['b', 'v'].map((kept) => `/data/${kept}/${BUCKET}`)]);
  const [bind, tools] = [await hostAddress(), await ensureAwsTools()];
  // moto's CloudFormation takes them.
  await ensurePython('stacks');
  const ending = new AsyncDisposableStack();
  try {
    const moto = await startMoto({ prepared: false });
    if (!moto) throw new Error('moto is not installed: npm run test:e2e does that');
    ending.adopt(moto, (one) => one.close());
    const place = { bind, moto: moto.url, registry: registry.host };
    const cloud = ending.adopt(
      await startCloud({ ...place, s3: { url: s3.endpoint }, upstream: upstreamOf(kubeconfig) }),
      (one) => one.close(),
    );
    const { front, projects } = cloud;
    const roles = { operator: role('operator'), builder: role('builder'), installer: role('installer') };
    const options = {
      ...place,
      front,
      s3: s3.endpoint,
      tools,
      startBuildkit: startAwsBuildkit,
      roles,
      projects,
    };
    const builds = ending.adopt(await startBuilds(options), (one) => one.close());
    const { codebuild } = builds;
    const owned = ending.adopt(await openS3Owner(s3.endpoint), (one) => one.close());
    const [operatorUrl, logsUrl] = [await front.door(roles.operator), await front.door(role('logShipper'))];
    const all = ending.move();
    return {
      cloud,
      codebuild,
      moto: moto.url,
      logsUrl,
      env: {
        ...KEYS,
        ...cloud.env,
        AWS_ENDPOINT_URL_CODEBUILD: codebuild.url,
        AWS_ENDPOINT_URL_S3: owned.url,
      },
      operatorEnv: operatorEnv(operatorUrl, builds.operatorUrl),
      close: () => all.disposeAsync(),
    };
  } catch (error) {
    await ending.disposeAsync();
    throw error;
  }
}

const operatorEnv = (front: string, codebuild: string): Record<string, string> => ({
  ...KEYS,
  SB_S3_ENDPOINT: 'http://sb-s3:7070',
  SB_S3_PUBLIC_ENDPOINT: s3.endpoint,
  SB_REGISTRY_MIRRORS: [
    `${ECR_HOST}=${front}`,
    ...['docker.io', 'public.ecr.aws', registry.inCluster].map(
      (host) => `${host}=http://${registry.inCluster}`,
    ),
  ].join(','),
  AWS_ENDPOINT_URL_ECR: front,
  AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: front,
  AWS_ENDPOINT_URL_CODEBUILD: codebuild,
});
