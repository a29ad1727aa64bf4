/** What `sb doctor` looks at in an account of AWS: quotas, the CodeBuild project, log groups, roles of Pods and what they may do, the way to S3, tags of the bill. */
import {
  DescribePodIdentityAssociationCommand,
  EKSClient,
  ListPodIdentityAssociationsCommand,
} from '@aws-sdk/client-eks';
import { isRecord } from '../../text/json.ts';
import { awsError, OF_A_PERSON } from '../aws/errors.ts';
import { httpWithin } from '../aws/http.ts';
import { ProviderError } from '../errors.ts';
import { callJson } from './json.ts';
import type {
  AwsCredentials,
  BuildProject,
  Inspection,
  PodIdentity,
  QuotaCode,
  S3Way,
  Simulation,
  Verdict,
} from './port.ts';
import { at, listAt, query, textAt, type Xml } from './query.ts';
import type { SignedPlace } from './signed.ts';
import { simulate } from './simulate.ts';

export interface InspectionSettings {
  region: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Default: those that the SDK finds. */
  credentials?: AwsCredentials;
}

const TIMEOUT_MS = 30_000;

class AwsInspection implements Inspection {
  readonly #eks: EKSClient;
  readonly #place: SignedPlace;

  constructor({ region, env, credentials }: InspectionSettings) {
    this.#eks = new EKSClient({
      region,
      requestHandler: httpWithin(TIMEOUT_MS),
      ...(credentials && { credentials }),
    });
    this.#place = { region, env, credentials: () => this.#credentials() };
  }

  async #credentials(): Promise<AwsCredentials> {
    try {
      return await this.#eks.config.credentials();
    } catch (error) {
      throw awsError({ call: 'find credentials', reasons: OF_A_PERSON }, error);
    }
  }

  async quota(quota: QuotaCode): Promise<number | undefined> {
    // Of what nobody has changed there may be no value of the account's own.
    return (await this.#value('GetServiceQuota', quota)) ?? this.#value('GetAWSDefaultServiceQuota', quota);
  }

  async #value(
    action: 'GetServiceQuota' | 'GetAWSDefaultServiceQuota',
    { service, code }: QuotaCode,
  ): Promise<number | undefined> {
    const asked = { ServiceCode: service, QuotaCode: code };
    const { Quota: said } = await unlessAbsent(callJson(this.#place, ['servicequotas', action], asked));
    return isRecord(said) && typeof said['Value'] === 'number' ? said['Value'] : undefined;
  }

  async project(name: string): Promise<BuildProject | undefined> {
    const { projects } = await callJson(this.#place, ['codebuild', 'BatchGetProjects'], { names: [name] });
    const [found] = Array.isArray(projects) ? (projects as unknown[]) : [];
    if (!isRecord(found)) return undefined;
    const environment = isRecord(found['environment']) ? found['environment'] : {};
    const text = (value: unknown): string => (typeof value === 'string' ? value : '');
    return {
      computeType: text(environment['computeType']),
      type: text(environment['type']),
      role: text(found['serviceRole']),
    };
  }

  async hasLogGroup(name: string): Promise<boolean> {
    // Of all groups that begin with a name, the one that is that name comes first.
    const asked = { logGroupNamePrefix: name, limit: 1 };
    const { logGroups } = await callJson(this.#place, ['logs', 'DescribeLogGroups'], asked);
    const [first] = Array.isArray(logGroups) ? (logGroups as unknown[]) : [];
    return isRecord(first) && first['logGroupName'] === name;
  }

  async podRole({ cluster, namespace, name }: PodIdentity): Promise<string | undefined> {
    const asked = { clusterName: cluster, namespace, serviceAccount: name };
    try {
      const { associations = [] } = await this.#eks.send(new ListPodIdentityAssociationsCommand(asked));
      const id = associations.find((one) => one.namespace === namespace && one.serviceAccount === name);
      if (!id?.associationId) return undefined;
      const { association } = await this.#eks.send(
        new DescribePodIdentityAssociationCommand({ clusterName: cluster, associationId: id.associationId }),
      );
      return association?.roleArn;
    } catch (error) {
      const needs = `eks:ListPodIdentityAssociations and eks:DescribePodIdentityAssociation on ${cluster}`;
      throw awsError({ call: `find the role of ${namespace}/${name}`, needs, reasons: OF_A_PERSON }, error);
    }
  }

  async s3Way(vpc: string, subnets: readonly string[]): Promise<S3Way> {
    const ofVpc = { 'Filter.1.Name': 'vpc-id', 'Filter.1.Value.1': vpc };
    const [endpoints, tables] = await Promise.all([
      query(this.#place, ['ec2', 'DescribeVpcEndpoints'], {
        ...ofVpc,
        'Filter.2.Name': 'vpc-endpoint-type',
        'Filter.2.Value.1': 'Gateway',
      }),
      query(this.#place, ['ec2', 'DescribeRouteTables'], ofVpc),
    ]);
    const gateways = listAt(endpoints, 'vpcEndpointSet', 'item').filter(
      // One that was deleted is listed for a while.
      (one) => textAt(one, 'serviceName').endsWith('.s3') && !/^delet/i.test(textAt(one, 'state')),
    );
    const reached = new Set(gateways.flatMap((one) => textsOf(listAt(one, 'routeTableIdSet', 'item'))));
    const without = tablesOf(listAt(tables, 'routeTableSet', 'item'), subnets).filter(
      (id) => !reached.has(id),
    );
    const [first] = gateways;
    return { ...(first !== undefined && { endpoint: textAt(first, 'vpcEndpointId') }), without };
  }

  async activeCostTags(keys: readonly string[]): Promise<string[]> {
    const asked = { TagKeys: keys, Status: 'Active' };
    const said = await callJson(this.#place, ['ce', 'ListCostAllocationTags'], asked);
    const tags = Array.isArray(said['CostAllocationTags']) ? (said['CostAllocationTags'] as unknown[]) : [];
    return tags.flatMap((tag) => (isRecord(tag) && typeof tag['TagKey'] === 'string' ? [tag['TagKey']] : []));
  }

  simulate(principal: string, asked: Simulation): Promise<Verdict[]> {
    return simulate(this.#place, principal, asked);
  }
}

const textsOf = (items: readonly Xml[]): string[] =>
  items.flatMap((item) => (typeof item === 'string' ? [item] : []));

/** Route tables of subnets. One that names none has the VPC's main table. */
function tablesOf(tables: readonly Xml[], subnets: readonly string[]): string[] {
  const associations = tables.flatMap((table) =>
    listAt(table, 'associationSet', 'item').map((one) => ({
      table: textAt(table, 'routeTableId'),
      subnet: textAt(one, 'subnetId'),
      main: at(one, 'main') === 'true',
    })),
  );
  const main = associations.find((one) => one.main)?.table;
  const found = subnets.map((id) => associations.find(({ subnet }) => subnet === id)?.table ?? main);
  return [...new Set(found.filter((id) => id !== undefined))];
}

/** What was said, or nothing where there is no such thing. */
const unlessAbsent = (said: Promise<Record<string, unknown>>): Promise<Record<string, unknown>> =>
  said.catch((error: unknown) => {
    if (error instanceof ProviderError && error.reason === 'NotFound') return {};
    throw error;
  });

export const awsInspection = (settings: InspectionSettings): Inspection => new AwsInspection(settings);
