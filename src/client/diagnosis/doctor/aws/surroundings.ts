/** What an installation on AWS has around it: the log group of its Pods, and the way of its nodes to S3. */
import { quoted } from '../../../../text/safe.ts';
import { fine, skipped, warning, type Found } from '../check.ts';
import type { S3Way } from '../../../../providers/account/port.ts';
import { awsCheck, isKnown } from './place.ts';

export const awsLogs = awsCheck(
  { name: 'aws-logs', subject: 'the log group' },
  async ({ region, inspection, settings }) => {
    if (!settings)
      return [skipped('the log group could not be checked', 'the operator’s settings cannot be read')];
    const name = settings['SB_LOG_GROUP'];
    if (!name) return [fine('the installation keeps no logs in CloudWatch (SB_LOG_GROUP is empty)')];
    if (await inspection.hasLogGroup(name)) return [fine(`log group ${name} is there`)];
    return [
      warning(
        `there is no log group ${name} in ${region}`,
        'SB_LOG_GROUP names it: status.logs of a Trial links to nothing',
        `aws logs create-log-group --region ${region} --log-group-name ${quoted(name)}`,
      ),
    ];
  },
);

export const awsNetwork = awsCheck(
  { name: 'aws-network', subject: 'the way to S3' },
  async ({ region, inspection, cluster }) => {
    if (!isKnown(cluster)) return [skipped('the way to S3 could not be checked', cluster.unknown)];
    return [judgeS3(await inspection.s3Way(cluster.vpc, cluster.subnets), { vpc: cluster.vpc, region })];
  },
);

function judgeS3({ endpoint, without }: S3Way, { vpc, region }: { vpc: string; region: string }): Found {
  if (endpoint !== undefined && without.length === 0)
    return fine(`the cluster’s subnets reach S3 by gateway endpoint ${endpoint}`);
  const why =
    'layers of images and all results go through the NAT gateway, which asks for every gigabyte; a gateway endpoint is free';
  if (endpoint === undefined)
    return warning(
      `VPC ${vpc} has no gateway endpoint for S3`,
      why,
      `aws ec2 create-vpc-endpoint --region ${region} --vpc-id ${vpc} --service-name ${serviceOf(region)} --route-table-ids ${without.join(' ')}`,
    );
  return warning(
    `gateway endpoint ${endpoint} for S3 leaves out ${without.join(', ')}`,
    why,
    `aws ec2 modify-vpc-endpoint --region ${region} --vpc-endpoint-id ${endpoint} --add-route-table-ids ${without.join(' ')}`,
  );
}

/** Source: VPC user guide, gateway endpoints: one name in all partitions. */
const serviceOf = (region: string): string => `com.amazonaws.${region}.s3`;
