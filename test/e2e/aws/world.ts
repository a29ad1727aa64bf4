/** The AWS of the stories, there while they run. */
import type { Context } from 'mocha';
import type { Aws } from '../../support/aws/index.ts';
import { needCluster } from '../../support/cluster.ts';
import { deployLocal, deployOn, openAws } from './account.ts';

const START_MS = 600_000;

/** Starts it before the tests of this `describe` and ends it after them; `operator`: with the cluster's operator in the profile of AWS meanwhile. */
export function useAws({ operator = false } = {}): () => Aws {
  let aws: Aws | undefined;
  let deployed = false;
  before(async function (this: Context) {
    this.timeout(START_MS);
    await needCluster(this);
    aws = await openAws();
    deployed = operator;
    if (operator) await deployOn(aws);
  });
  after(async function (this: Context) {
    this.timeout(START_MS);
    if (deployed) await deployLocal();
    await aws?.close();
  });
  return () => {
    if (!aws) throw new Error('the AWS of the tests was never started');
    return aws;
  };
}
