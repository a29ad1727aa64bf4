/** An account of AWS: STS, IAM, EC2, EKS and the tagging API of one region, with the user's own credentials. */
import { DescribeClusterCommand, EKSClient, type Cluster as EksCluster } from '@aws-sdk/client-eks';
import {
  GetResourcesCommand,
  ResourceGroupsTaggingAPIClient,
} from '@aws-sdk/client-resource-groups-tagging-api';
import { awsError, OF_A_PERSON } from '../aws/errors.ts';
import { httpWithin } from '../aws/http.ts';
import type { Account, AwsCredentials, Cluster, Identity, Role, Subnet } from './port.ts';
import { at, listAt, query, textAt, type Xml } from './query.ts';
import type { SignedPlace } from './signed.ts';

export interface AccountSettings {
  region: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Default: those that the SDK finds. */
  credentials?: AwsCredentials;
}

const TIMEOUT_MS = 30_000;
const TAGGED_SHOWN = 1_000;
const TAGGED_PAGE = 100;

/** Zones in which EKS makes no control plane, by the ids that are the same in every account. Source: EKS User Guide, "Subnet requirements for clusters". */
const REFUSED_ZONES = new Set(['use1-az3', 'usw1-az2', 'cac1-az3']);

class AwsAccount implements Account {
  readonly #eks: EKSClient;
  readonly #tagging: ResourceGroupsTaggingAPIClient;
  readonly #place: SignedPlace;

  constructor({ region, env, credentials }: AccountSettings) {
    const settings = {
      region,
      requestHandler: httpWithin(TIMEOUT_MS),
      ...(credentials && { credentials }),
    };
    this.#eks = new EKSClient(settings);
    this.#tagging = new ResourceGroupsTaggingAPIClient(settings);
    this.#place = { region, env, credentials: () => this.credentials() };
  }

  async credentials(): Promise<AwsCredentials> {
    try {
      return await this.#eks.config.credentials();
    } catch (error) {
      throw awsError({ call: 'find credentials', reasons: OF_A_PERSON }, error);
    }
  }

  async identity(): Promise<Identity> {
    const said = await query(this.#place, ['sts', 'GetCallerIdentity']);
    const result = (name: string): string => textAt(said, 'GetCallerIdentityResult', name);
    return { account: result('Account'), arn: result('Arn') };
  }

  async role(name: string): Promise<Role> {
    const role = at(
      await query(this.#place, ['iam', 'GetRole'], { RoleName: name }),
      'GetRoleResult',
      'Role',
    );
    const tags = listAt(role, 'Tags', 'member').map((tag) => [textAt(tag, 'Key'), textAt(tag, 'Value')]);
    return { arn: textAt(role, 'Arn'), tags: Object.fromEntries(tags) as Record<string, string> };
  }

  async zones(): Promise<string[]> {
    const said = await query(this.#place, ['ec2', 'DescribeAvailabilityZones'], {
      'Filter.1.Name': 'zone-type',
      'Filter.1.Value.1': 'availability-zone',
      'Filter.2.Name': 'state',
      'Filter.2.Value.1': 'available',
    });
    return listAt(said, 'availabilityZoneInfo', 'item')
      .filter((zone) => !REFUSED_ZONES.has(textAt(zone, 'zoneId')))
      .map((zone) => textAt(zone, 'zoneName'))
      .sort();
  }

  async subnets(vpc: string): Promise<Subnet[]> {
    const said = await query(this.#place, ['ec2', 'DescribeSubnets'], {
      'Filter.1.Name': 'vpc-id',
      'Filter.1.Value.1': vpc,
    });
    return listAt(said, 'subnetSet', 'item').map(subnetOf);
  }

  async cluster(name: string): Promise<Cluster | undefined> {
    try {
      const { cluster } = await this.#eks.send(new DescribeClusterCommand({ name }));
      return cluster && clusterOf(cluster);
    } catch (error) {
      if ((error as Error).name === 'ResourceNotFoundException') return undefined;
      throw awsError(
        { call: `describe EKS cluster ${name}`, needs: 'eks:DescribeCluster', reasons: OF_A_PERSON },
        error,
      );
    }
  }

  async tagged(key: string, value: string): Promise<string[]> {
    const arns: string[] = [];
    let token: string | undefined;
    try {
      do {
        const command = new GetResourcesCommand({
          TagFilters: [{ Key: key, Values: [value] }],
          ResourcesPerPage: TAGGED_PAGE,
          ...(token && { PaginationToken: token }),
        });
        const { ResourceTagMappingList = [], PaginationToken } = await this.#tagging.send(command);
        arns.push(...ResourceTagMappingList.flatMap(({ ResourceARN }) => ResourceARN ?? []));
        token = PaginationToken || undefined;
      } while (token !== undefined && arns.length < TAGGED_SHOWN);
    } catch (error) {
      throw awsError(
        { call: 'find what has our tags', needs: 'tag:GetResources', reasons: OF_A_PERSON },
        error,
      );
    }
    return arns;
  }
}

const subnetOf = (item: Xml): Subnet => ({
  id: textAt(item, 'subnetId'),
  zone: textAt(item, 'availabilityZone'),
  public: textAt(item, 'mapPublicIpOnLaunch') === 'true',
  internal: listAt(item, 'tagSet', 'item').some(
    (tag) => textAt(tag, 'key') === 'kubernetes.io/role/internal-elb',
  ),
});

const networkOf = ({ resourcesVpcConfig: network }: EksCluster): Pick<Cluster, 'vpc' | 'subnets'> => ({
  vpc: network?.vpcId ?? '',
  subnets: network?.subnetIds ?? [],
});

const autoModeOf = ({ computeConfig: compute }: EksCluster): Pick<Cluster, 'autoMode' | 'nodeRole'> => ({
  autoMode: compute?.enabled === true,
  ...(compute?.enabled && compute.nodeRoleArn && { nodeRole: compute.nodeRoleArn }),
});

const clusterOf = (found: EksCluster): Cluster => ({
  name: found.name ?? '',
  arn: found.arn ?? '',
  status: found.status ?? '',
  version: found.version ?? '',
  endpoint: found.endpoint ?? '',
  authority: found.certificateAuthority?.data ?? '',
  tags: found.tags ?? {},
  ...autoModeOf(found),
  ...networkOf(found),
});

export const awsAccount = (settings: AccountSettings): Account => new AwsAccount(settings);
