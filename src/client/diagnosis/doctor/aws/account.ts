/** Whose account an installation on AWS is in, and whether cluster and installation are in one region. */
import { REGION } from '../../../../providers/aws/partition.ts';
import { fine, skipped, warning, type Check, type Found, type Patient } from '../check.ts';
import { isKnown, unasked, type AwsPlace } from './place.ts';

/** Says why nothing could be asked; the other checks are silent about it. A warning: whether Trials can run without is the store's check to say. */
export const awsAccount: Check<Patient> = {
  name: 'aws-account',
  subject: 'the account at AWS',
  async run(patient) {
    try {
      const place = await patient.aws();
      return place ? judgeAccount(place) : [];
    } catch (error) {
      return [{ ...unasked(this, error), state: 'warning' }];
    }
  },
};

function judgeAccount({ identity: { account, arn }, region, cluster }: AwsPlace): Found[] {
  const found = fine(`you are ${arn} of account ${account}`);
  return [found, ...judgeRegion(region, cluster)];
}

function judgeRegion(region: string, cluster: AwsPlace['cluster']): Found[] {
  if (!REGION.test(region))
    return [
      warning(
        `${JSON.stringify(region)} is no region of AWS`,
        'the operator says so in its ConfigMap sb-client; clients go to bucket and account by it',
        'set SB_AWS_REGION of the operator, and install it again',
      ),
    ];
  if (!isKnown(cluster)) return [skipped(`bucket and builds are in ${region}`, cluster.unknown)];
  const there = cluster.arn.split(':')[3] ?? '';
  if (there === region) return [fine(`cluster, bucket and builds are in ${region}`)];
  return [
    warning(
      `the cluster is in ${there}, and bucket and builds are in ${region}`,
      'every image and every result crosses regions: slow, and paid by the gigabyte',
      `sb cloud init --region ${there}    (an installation in the cluster’s region)`,
    ),
  ];
}
