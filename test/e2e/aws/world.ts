/** The AWS of the stories: beside the cluster, at an address that Pods reach, with the cluster's own S3 and registry behind it. */
import type { Context } from 'mocha';
import { startAws, type Aws } from '../../support/aws/index.ts';
import { needCluster } from '../../support/cluster.ts';
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

const START_MS = 600_000;

const operatorImage = async (): Promise<string> => ensureOperatorImage(await imageFlavour());

/** The operator through config/overlays/aws, pointed at these services. */
const deployOn = async ({ front, codebuild }: Aws): Promise<void> =>
  deployOperator(await operatorImage(), {
    overlay: 'test/e2e/aws',
    values: { 'http://front.invalid': front.url, 'http://codebuild.invalid': codebuild.url },
  });

/** Starts it before the tests of this `describe` and ends it after them; `operator`: with the cluster's operator in the profile of AWS meanwhile. */
export function useAws({ operator = false } = {}): () => Aws {
  let aws: Aws | undefined;
  let deployed = false;
  before(async function (this: Context) {
    this.timeout(START_MS);
    await needCluster(this);
    const tools = await ensureAwsTools();
    await ensureBaseImages(['debian:bookworm-slim']);
    aws = await startAws({
      bind: await hostAddress(),
      tools,
      s3: s3.endpoint,
      registry: registry.host,
      startBuildkit: startAwsBuildkit,
    });
    deployed = operator;
    if (operator) await deployOn(aws);
  });
  after(async function (this: Context) {
    this.timeout(START_MS);
    if (deployed) await deployOperator(await operatorImage());
    await aws?.close();
  });
  return () => {
    if (!aws) throw new Error('the AWS of the tests was never started');
    return aws;
  };
}
