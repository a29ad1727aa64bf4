/** AWS::EKS types, as clusters of the EKS service. */
import { AwsError } from '../../codebuild/errors.ts';
import type { AssociatedPolicy, NewCluster, Tags } from '../../eks/clusters.ts';
import type { EksService } from '../../eks/index.ts';
import type { Tag, Values } from '../model.ts';
import { handlerFailure, nameTaken, type ResourceType, type ResourceTypes } from '../resource-type.ts';

const tagsOf = ({ Tags: tags }: Values): Tags =>
  Object.fromEntries(((tags ?? []) as Tag[]).map(({ Key, Value }) => [Key, Value]));

/** The API's names are the template's, but that they begin small. */
function lowered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [`${name[0]!.toLowerCase()}${name.slice(1)}`, lowered(one)]),
  );
}

const asHandler =
  (type: string, name: string) =>
  (error: unknown): never => {
    if (!(error instanceof AwsError)) throw error;
    if (error.code === 'ResourceInUseException') throw nameTaken(type, name);
    throw handlerFailure(
      `${error.message} (Service: Eks, Status Code: ${error.status})`,
      error.code === 'ResourceNotFoundException' ? 'NotFound' : 'InvalidRequest',
    );
  };

/** What is gone already needs no deletion. */
function unlessGone(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof AwsError && error.code === 'ResourceNotFoundException')) throw error;
  }
}

interface Network {
  SubnetIds: string[];
  EndpointPublicAccess?: boolean;
}

const SECURITY_GROUP = 'sg-0123456789abcdef0';

function clusterOf(properties: Values): NewCluster {
  const { Name, Version, RoleArn, ResourcesVpcConfig, Logging, Tags: tags, ...rest } = properties;
  const network = ResourcesVpcConfig as Network;
  const { ClusterLogging } = (Logging ?? {}) as { ClusterLogging?: { EnabledTypes: { Type: string }[] } };
  const types = ClusterLogging?.EnabledTypes.map(({ Type }) => Type) ?? [];
  const nodeRoleArn = (properties['ComputeConfig'] as { NodeRoleArn?: string } | undefined)?.NodeRoleArn;
  return {
    name: String(Name),
    version: String(Version),
    roleArn: String(RoleArn),
    tags: tagsOf({ Tags: tags }),
    declared: {
      ...(lowered(rest) as object),
      resourcesVpcConfig: {
        ...(lowered(network) as object),
        clusterSecurityGroupId: SECURITY_GROUP,
        securityGroupIds: [],
      },
      logging: { clusterLogging: [{ types, enabled: true }] },
    },
    ...(nodeRoleArn !== undefined && { nodeRoleArn }),
  };
}

/** Two zones or more. Source: user guide, “Amazon EKS networking requirements”. */
function checkSubnets(properties: Values): void {
  const { SubnetIds } = properties['ResourcesVpcConfig'] as Network;
  if (SubnetIds.length < 2)
    throw handlerFailure(
      'Subnets specified must be in at least two different AZs (Service: Eks, Status Code: 400)',
      'InvalidRequest',
    );
}

function clusterType(eks: EksService): ResourceType {
  return {
    attributes: ['Arn', 'Endpoint', 'CertificateAuthorityData', 'ClusterSecurityGroupId'],
    replacedBy: ['Name', 'RoleArn', 'BootstrapSelfManagedAddons'],
    async create({ properties }) {
      checkSubnets(properties);
      const wanted = clusterOf(properties);
      const { name, arn, endpoint, authority } = await eks
        .create(wanted)
        .catch(asHandler('AWS::EKS::Cluster', wanted.name));
      return {
        physicalId: name,
        attributes: {
          Arn: arn,
          Endpoint: endpoint,
          CertificateAuthorityData: Buffer.from(authority).toString('base64'),
          ClusterSecurityGroupId: SECURITY_GROUP,
        },
      };
    },
    async settle({ physicalId }, doing) {
      if (doing === 'delete') await eks.remove(physicalId);
      else eks.clusters.get({ clusterName: physicalId }).status = 'ACTIVE';
    },
    async update({ physicalId }, next) {
      const cluster = eks.clusters.get({ clusterName: physicalId });
      const { version, tags, declared } = clusterOf(next);
      if (Number(version.split('.')[1]) < Number(cluster.version.split('.')[1]))
        throw handlerFailure(
          `Unsupported Kubernetes minor version update from ${cluster.version} to ${version} (Service: Eks, Status Code: 400)`,
          'InvalidRequest',
        );
      Object.assign(cluster, { version, tags, declared, status: 'UPDATING' });
    },
    async remove({ physicalId }) {
      unlessGone(() => {
        eks.clusters.get({ clusterName: physicalId }).status = 'DELETING';
      });
    },
  };
}

interface Entry {
  ClusterName: string;
  PrincipalArn: string;
  Type?: string;
  KubernetesGroups?: string[];
  AccessPolicies?: object[];
}

const policiesOf = ({ AccessPolicies = [] }: Entry): AssociatedPolicy[] =>
  lowered(AccessPolicies) as AssociatedPolicy[];

function entryType(eks: EksService): ResourceType {
  const ofId = (physicalId: string) => {
    const [principalArn = '', clusterName = ''] = physicalId.split('|');
    return { principalArn, clusterName };
  };
  return {
    attributes: [],
    replacedBy: ['ClusterName', 'PrincipalArn', 'Type'],
    async create({ properties }) {
      const entry = properties as unknown as Entry;
      const { ClusterName: clusterName, PrincipalArn: principalArn, Type: type = 'STANDARD' } = entry;
      const physicalId = `${principalArn}|${clusterName}`;
      try {
        const kubernetesGroups = entry.KubernetesGroups ?? [];
        const tags = tagsOf(properties);
        eks.clusters.addEntry({
          clusterName,
          principalArn,
          type,
          kubernetesGroups,
          tags,
          policies: policiesOf(entry),
        });
      } catch (error) {
        asHandler('AWS::EKS::AccessEntry', physicalId)(error);
      }
      return { physicalId };
    },
    async update({ physicalId }, next) {
      const entry = next as unknown as Entry;
      const kubernetesGroups = entry.KubernetesGroups ?? [];
      Object.assign(eks.clusters.entry(ofId(physicalId)), { kubernetesGroups, policies: policiesOf(entry) });
    },
    async remove({ physicalId }) {
      unlessGone(() => eks.clusters.removeEntry(ofId(physicalId)));
    },
  };
}

interface Association {
  ClusterName: string;
  Namespace: string;
  ServiceAccount: string;
  RoleArn: string;
}

function identityType(eks: EksService): ResourceType {
  const ofArn = (physicalId: string) => {
    const [, clusterName = '', associationId = ''] = physicalId.split('/');
    return { clusterName, associationId };
  };
  return {
    attributes: [],
    replacedBy: ['ClusterName', 'Namespace', 'ServiceAccount'],
    async create({ properties }) {
      const { ClusterName: clusterName, ...rest } = properties as unknown as Association;
      const { Namespace: namespace, ServiceAccount: serviceAccount, RoleArn: roleArn } = rest;
      try {
        const tags = tagsOf(properties);
        const { associationArn } = eks.clusters.addIdentity({
          clusterName,
          namespace,
          serviceAccount,
          roleArn,
          tags,
        });
        return { physicalId: associationArn };
      } catch (error) {
        return asHandler(
          'AWS::EKS::PodIdentityAssociation',
          `${clusterName}|${namespace}|${serviceAccount}`,
        )(error);
      }
    },
    async update({ physicalId }, next) {
      eks.clusters.identity(ofArn(physicalId)).roleArn = String(next['RoleArn']);
    },
    async remove({ physicalId }) {
      unlessGone(() => eks.clusters.removeIdentity(ofArn(physicalId)));
    },
  };
}

export const eksTypes = (eks: EksService): ResourceTypes => ({
  'AWS::EKS::Cluster': clusterType(eks),
  'AWS::EKS::AccessEntry': entryType(eks),
  'AWS::EKS::PodIdentityAssociation': identityType(eks),
});
