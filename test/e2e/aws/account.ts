/** The AWS of the tests beside the cluster: at an address that Pods reach, with the cluster's own S3 and registry behind it. */
import { startAws, type Aws } from '../../support/aws/index.ts';
import {
  deployOperator,
  ensureAwsTools,
  ensureBaseImages,
  ensureOperatorImage,
  hostAddress,
  imageFlavour,
  registry,
  s3,
  startAwsBuildkit,
} from '../cluster/index.ts';

/** Starts it, with the programs and base images that its builds need. */
export async function openAws(): Promise<Aws> {
  const tools = await ensureAwsTools();
  await ensureBaseImages(['debian:bookworm-slim']);
  return startAws({
    bind: await hostAddress(),
    tools,
    s3: s3.endpoint,
    registry: registry.host,
    startBuildkit: startAwsBuildkit,
  });
}

const operatorImage = async (): Promise<string> => ensureOperatorImage(await imageFlavour());

/** The operator through config/overlays/aws, pointed at these services. */
export const deployOn = async ({ operatorUrls: { front, codebuild } }: Aws): Promise<void> =>
  deployOperator(await operatorImage(), {
    overlay: 'test/e2e/aws',
    values: { 'http://front.invalid': front, 'http://codebuild.invalid': codebuild },
  });

/** The cluster's own operator again. */
export const deployLocal = async (): Promise<void> => deployOperator(await operatorImage());
