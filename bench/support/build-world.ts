/** An API server and an AWS account in this process, with builds that go by a script, and the operator in a process of its own. */
import { createHash } from 'node:crypto';
import { conditionOf } from '../../src/crds/conditions.ts';
import { TaskBuild as TaskBuildKind } from '../../src/crds/kinds.ts';
import type { BuildReason } from '../../src/crds/reasons.ts';
import type { TaskBuild } from '../../src/crds/task-build.ts';
import { s3ArtifactStore } from '../../src/providers/artifact-store/s3.ts';
import { eventuallyTrue } from '../../test/support/eventually.ts';
import { ApiServer } from '../../test/support/api-server.ts';
import { ACCOUNT, BUCKET, CREDENTIALS, ECR_HOST, REGION, REPOSITORY } from '../../test/support/aws/facts.ts';
import { PROJECT, startFront, startMoto, type AwsFront } from '../../test/support/aws/index.ts';
import { aTaskBuild } from '../../test/support/builders/objects.ts';
import { memoryLogs, scriptedExecutor, startCodeBuild } from '../../test/support/codebuild/index.ts';
import { type CodeBuildService } from '../../test/support/codebuild/service.ts';
import { startVersitygw } from '../../test/support/versitygw.ts';
import type { Sample } from './metrics.ts';
import { startOperator, type OwnOperator } from './own-operator.ts';

/** More than any bench here makes: nothing waits for a slot. */
const NO_CAP = 1000;
const CONTEXT = 'tasks/bench/context.zip';
const MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** Calls of AWS by `service:operation`, answered or refused. */
export type Calls = Record<string, number>;

export interface BuildWorld {
  codebuild: CodeBuildService;
  /** Makes TaskBuilds of these tags at once; resolves to when each was made, in milliseconds since the epoch, by UID. */
  add(tags: string[], names?: string[]): Map<string, number>;
  /** Waits until each of these has the reason. */
  reach(names: string[], reason: BuildReason, seconds: number): Promise<void>;
  /** Every call of the operator so far. */
  calls(): Promise<Calls>;
  /** The operator's own figures. */
  metrics(): Promise<Sample[]>;
  close(): Promise<void>;
}

/** Throws where `what` was never installed. */
export function there<T>(what: string, found: T | undefined): T {
  if (found === undefined)
    throw new Error(`${what} is not installed: npm run cluster:up and npm run test:e2e -- aws do that`);
  return found;
}

const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

const manifestOf = (tag: string): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf(tag),
      size: tag.length,
    },
    layers: [],
  });

/** Starts it; `buildMs` is how long the build of a tag takes. */
export async function startBuildWorld(buildMs: (tag: string) => number): Promise<BuildWorld> {
  await using ending = new AsyncDisposableStack();
  const server = ending.adopt(await ApiServer.start(), (one) => one.close());
  const s3 = ending.adopt(there('versitygw', await startVersitygw(BUCKET)), (one) => one.stop());
  const moto = ending.adopt(there('moto', await startMoto()), (one) => one.close());
  const front = ending.adopt(
    await startFront({ moto: moto.url, registry: 'http://registry.invalid' }),
    (one) => one.close(),
  );
  const codebuild = ending.adopt(await codeBuildOf(front, buildMs), (one) => one.close());
  const endpoint = `http://${s3.address}`;
  await putContext(endpoint);
  const operator = ending.adopt(
    await startOperator(
      server.kubeConfig().exportConfig(),
      settings({ s3: endpoint, front: front.url, codebuild: codebuild.url }),
    ),
    (one) => one.stop(),
  );
  const all = ending.move();
  return {
    ...objectsOf(server),
    codebuild,
    calls: () => callsOf({ codebuild, front, operator }),
    metrics: () => operator.metrics(),
    close: () => all.disposeAsync(),
  };
}

function codeBuildOf(front: AwsFront, buildMs: (tag: string) => number): Promise<CodeBuildService> {
  const executor = scriptedExecutor(({ environment }) => {
    const image = environment.environmentVariables.find(({ name }) => name === 'SB_IMAGE')?.value ?? '';
    const imageTag = image.split(':').at(-1) ?? '';
    const imageManifest = manifestOf(imageTag);
    const imageDigest = digestOf(imageManifest);
    const put = { repositoryName: REPOSITORY, imageTag, imageDigest, imageManifest };
    return {
      ms: { BUILD: buildMs(imageTag.replace(/-[0-9a-f]{12}$/, '')) },
      exports: { SB_IMAGE_DIGEST: imageDigest },
      effect: async () =>
        void (await front.ecr.call('PutImage', { ...put, imageManifestMediaType: MEDIA_TYPE })),
    };
  });
  return startCodeBuild({
    region: REGION,
    account: ACCOUNT,
    credentials: front.sessions.known,
    projects: { [PROJECT]: {} },
    quota: NO_CAP,
    executor,
    logs: memoryLogs(),
  });
}

const putContext = (endpoint: string): Promise<string> =>
  s3ArtifactStore({ endpoint, region: REGION, bucket: BUCKET, credentials: CREDENTIALS }).put(CONTEXT, 'zip');

const settings = (urls: { s3: string; front: string; codebuild: string }): Record<string, string> => ({
  SB_PROFILE: 'aws',
  SB_AWS_REGION: REGION,
  SB_S3_ENDPOINT: urls.s3,
  SB_S3_PUBLIC_ENDPOINT: urls.s3,
  SB_REGISTRY_MIRRORS: `${ECR_HOST}=${urls.front}`,
  SB_MAX_CONCURRENT_BUILDS: String(NO_CAP),
  AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  AWS_ENDPOINT_URL_ECR: urls.front,
  AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: urls.front,
  AWS_ENDPOINT_URL_CODEBUILD: urls.codebuild,
});

function objectsOf(server: ApiServer): Pick<BuildWorld, 'add' | 'reach'> {
  const collection = server.collection(TaskBuildKind);
  const reasonOf = (name: string): string | undefined =>
    conditionOf(collection.get('default', name) as TaskBuild, 'Succeeded')?.reason;
  return {
    add(tags, names = tags) {
      const made = tags.map((tag, index): [string, number] => {
        const context = { s3: { uri: `s3://${BUCKET}/${CONTEXT}`, sha256: 'ab'.repeat(32) } };
        const name = names[index] ?? tag;
        const { metadata } = collection.create(
          aTaskBuild({ name, spec: { context, tag, buildArgs: { TAG: tag } } }),
        );
        return [metadata.uid ?? '', Date.now()];
      });
      return new Map(made);
    },
    reach: (names, reason, seconds) =>
      eventuallyTrue(
        `${names.length} TaskBuilds are ${reason}`,
        () => names.every((name) => reasonOf(name) === reason),
        seconds,
      ),
  };
}

/** S3's server counts nothing: its calls are those of the operator's store, one each. */
async function callsOf({
  codebuild,
  front,
  operator,
}: {
  codebuild: CodeBuildService;
  front: AwsFront;
  operator: OwnOperator;
}): Promise<Calls> {
  const calls: Calls = {};
  const count = (what: string, times = 1): void => void (calls[what] = (calls[what] ?? 0) + times);
  for (const { operation } of codebuild.calls) count(`codebuild:${operation}`);
  for (const { action } of front.calls.all) count(action);
  for (const { name, labels, value } of await operator.metrics())
    if (name === 'sb_provider_call_duration_seconds_count' && labels['port'] === 'artifact-store')
      count(`s3:${labels['method']}`, value);
  return calls;
}
