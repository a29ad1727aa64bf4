/** The stack that can go: EKS Auto Mode, who may use it, and the roles of what runs in it. Node pools are objects of the cluster. */
import { OPERATOR } from '../../names.ts';
import { LOG_SHIPPER } from '../names.ts';
import { optionsOf, policyOf } from './policies.ts';
import { attribute, NAMES, ref, sub, tags, template, trust, type Resource, type Value } from './template.ts';

const PART = 'cluster';

const managed = (...names: string[]) =>
  names.map((name) => sub(`arn:\${AWS::Partition}:iam::aws:policy/${name}`));

const clusterArn = sub(
  `arn:\${AWS::Partition}:eks:\${AWS::Region}:\${AWS::AccountId}:cluster/${NAMES.cluster}`,
);

/** What Auto Mode makes is the cluster's: its own session says which that is. */
const OWN = { 'aws:RequestTag/eks:eks-cluster-name': '${aws:PrincipalTag/eks:eks-cluster-name}' };
const ANY = (key: string) => ({ [`aws:RequestTag/eks:${key}`]: '*' });

/** AWS's policies let Auto Mode set no tags but its own; without ours nobody could say whose an instance is. */
const tagging = {
  PolicyName: 'own-tags',
  PolicyDocument: {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'Nodes',
        Effect: 'Allow',
        Action: ['ec2:CreateFleet', 'ec2:CreateLaunchTemplate', 'ec2:RunInstances'],
        Resource: '*',
        Condition: {
          StringEquals: OWN,
          StringLike: { ...ANY('kubernetes-node-class-name'), ...ANY('kubernetes-node-pool-name') },
        },
      },
      {
        Sid: 'Volumes',
        Effect: 'Allow',
        Action: ['ec2:CreateSnapshot', 'ec2:CreateVolume'],
        Resource: ['snapshot', 'volume'].map((kind) => sub(`arn:\${AWS::Partition}:ec2:*:*:${kind}/*`)),
        Condition: { StringEquals: OWN },
      },
      {
        Sid: 'NetworkInterfaces',
        Effect: 'Allow',
        Action: ['ec2:CreateNetworkInterface'],
        Resource: '*',
        Condition: { StringEquals: OWN, StringLike: ANY('kubernetes-cni-node-name') },
      },
    ],
  },
};

const clusterRole: Resource = {
  Type: 'AWS::IAM::Role',
  Properties: {
    Description: 'EKS Auto Mode: makes nodes, volumes, network interfaces and load balancers of the cluster.',
    AssumeRolePolicyDocument: trust('eks', ['sts:AssumeRole', 'sts:TagSession'], {
      ArnEquals: { 'aws:SourceArn': clusterArn },
      StringEquals: { 'aws:SourceAccount': ref('AWS::AccountId') },
    }),
    ManagedPolicyArns: managed(
      'AmazonEKSBlockStoragePolicy',
      'AmazonEKSClusterPolicy',
      'AmazonEKSComputePolicy',
      'AmazonEKSLoadBalancingPolicy',
      'AmazonEKSNetworkingPolicy',
    ),
    Policies: [tagging],
    Tags: tags(PART),
  },
};

/** Nodes pull any image of the account, and join the cluster: nothing else. */
const nodeRole: Resource = {
  Type: 'AWS::IAM::Role',
  Properties: {
    Description: 'Nodes of the cluster: pull images, join.',
    AssumeRolePolicyDocument: trust('ec2', ['sts:AssumeRole']),
    ManagedPolicyArns: managed('AmazonEC2ContainerRegistryPullOnly', 'AmazonEKSWorkerNodeMinimalPolicy'),
    Tags: tags(PART),
  },
};

const eks: Resource = {
  Type: 'AWS::EKS::Cluster',
  Properties: {
    Name: sub(NAMES.cluster),
    Version: ref('KubernetesVersion'),
    // At the end of standard support EKS upgrades it. The other choice costs six times as much.
    UpgradePolicy: { SupportType: 'STANDARD' },
    RoleArn: attribute('ClusterRole', 'Arn'),
    AccessConfig: { AuthenticationMode: 'API', BootstrapClusterCreatorAdminPermissions: false },
    // Auto Mode is these three, all or none; it brings the add-ons itself.
    ComputeConfig: { Enabled: true, NodePools: ['system'], NodeRoleArn: attribute('NodeRole', 'Arn') },
    KubernetesNetworkConfig: { ElasticLoadBalancing: { Enabled: true }, IpFamily: 'ipv4' },
    StorageConfig: { BlockStorage: { Enabled: true } },
    BootstrapSelfManagedAddons: false,
    ResourcesVpcConfig: {
      SubnetIds: ref('SubnetIds'),
      EndpointPrivateAccess: true,
      EndpointPublicAccess: true,
      PublicAccessCidrs: ref('ApiCidrs'),
    },
    // Who did what. The other three are for those who repair control planes.
    Logging: { ClusterLogging: { EnabledTypes: [{ Type: 'audit' }, { Type: 'authenticator' }] } },
    Tags: tags(PART),
  },
};

/** Explicit, where EKS could take whoever makes the cluster: that may be the role of a pipeline. */
const admin: Resource = {
  Type: 'AWS::EKS::AccessEntry',
  Properties: {
    ClusterName: ref('Cluster'),
    PrincipalArn: ref('AdminArn'),
    Type: 'STANDARD',
    AccessPolicies: [
      {
        PolicyArn: sub('arn:${AWS::Partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy'),
        AccessScope: { Type: 'cluster' },
      },
    ],
    Tags: tags(PART),
  },
};

interface Identity {
  name: string;
  namespace: string;
}

/** Roles of what runs in a cluster. `id`: what the template calls it; `name`: as EKS does. */
function rolesIn(id: { Ref: string }, name: Value<string>): Record<string, Resource> {
  /** A role that one ServiceAccount of this cluster can have, and no other. */
  const podRole = (Description: string, role: string, identity: Identity): Resource => ({
    Type: 'AWS::IAM::Role',
    Properties: {
      Description,
      AssumeRolePolicyDocument: trust('pods.eks', ['sts:AssumeRole', 'sts:TagSession'], {
        StringEquals: {
          'aws:SourceAccount': ref('AWS::AccountId'),
          'aws:RequestTag/eks-cluster-name': name,
          'aws:RequestTag/kubernetes-namespace': identity.namespace,
          'aws:RequestTag/kubernetes-service-account': identity.name,
        },
      }),
      Policies: [policyOf(role)],
      Tags: tags(PART),
    },
  });
  const association = (role: string, identity: Identity): Resource => ({
    Type: 'AWS::EKS::PodIdentityAssociation',
    Properties: {
      ClusterName: id,
      Namespace: identity.namespace,
      ServiceAccount: identity.name,
      RoleArn: attribute(role, 'Arn'),
      Tags: tags(PART),
    },
  });
  return {
    OperatorRole: podRole('The operator and its broker.', 'operator', OPERATOR),
    ...optionsOf('operator', 'OperatorRole'),
    OperatorIdentity: association('OperatorRole', OPERATOR),
    LogShipperRole: podRole('Fluent Bit: logs of Pods to CloudWatch.', 'log-shipper', LOG_SHIPPER),
    LogShipperIdentity: association('LogShipperRole', LOG_SHIPPER),
  };
}

export const cluster = template({
  Description: 'sb-operator: EKS Auto Mode, who may use it, and the roles of what runs in it.',
  Resources: {
    ClusterRole: clusterRole,
    NodeRole: nodeRole,
    Cluster: eks,
    Admin: admin,
    ...rolesIn(ref('Cluster'), sub(NAMES.cluster)),
  },
  Outputs: {
    Cluster: { Description: 'Name of the cluster.', Value: ref('Cluster') },
    Endpoint: { Description: 'The API server.', Value: attribute('Cluster', 'Endpoint') },
    Authority: {
      Description: 'Certificate of the CA of the API server, in base64.',
      Value: attribute('Cluster', 'CertificateAuthorityData'),
    },
    NodeRole: { Description: 'Name of the role that NodeClasses name.', Value: ref('NodeRole') },
    Subnets: {
      Description: 'Where nodes are, for NodeClasses.',
      Value: { 'Fn::Join': [',', ref('SubnetIds')] },
    },
    SecurityGroup: {
      Description: 'Of nodes and control plane, for NodeClasses.',
      Value: attribute('Cluster', 'ClusterSecurityGroupId'),
    },
  },
});

/** The same stack for a cluster of the user's, which needs the EKS Pod Identity Agent. */
export const clusterRoles = template({
  Description: 'sb-operator: roles of what runs in an EKS cluster of yours.',
  Resources: rolesIn(ref('ClusterName'), ref('ClusterName')),
  Outputs: { Cluster: { Description: 'Name of the cluster.', Value: ref('ClusterName') } },
});
