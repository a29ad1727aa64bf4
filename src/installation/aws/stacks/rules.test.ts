import { expect } from 'chai';
import {
  ofType,
  resources,
  stacks,
  statements,
  textsIn,
  valuesIn,
  type Statement,
} from '../../../../test/support/aws/templates.ts';
import { policyDocuments } from '../iam.ts';
import { awsNames } from '../names.ts';

const STAR = /^\*$|:\*:\*:|^[\w-]+:\*$/;
const isBroad = ({ Effect, Resource, Action }: Statement): boolean =>
  Effect === 'Allow' && [...textsIn(Resource), ...textsIn(Action)].some((text) => STAR.test(text));
const isTrust = ({ Effect, Principal }: Statement): boolean => Effect === 'Allow' && Principal !== undefined;
const isTlsOnly = ({ Effect, Principal, Action, Condition }: Statement): boolean =>
  JSON.stringify([Effect, Principal, Action, Condition]) ===
  '["Deny","*","s3:*",{"Bool":{"aws:SecureTransport":"false"}}]';
const named = ({ id, Sid }: Statement & { id: string }): string => (Sid ? `${id} ${Sid}` : id);

type Found = { id: string; properties: Record<string, unknown> };
const without = (found: Found[], property: string): string[] =>
  found.filter(({ properties }) => properties[property] === undefined).map(({ id }) => id);
const holding = (found: Found[], wanted: string): string[] =>
  found.filter(({ properties }) => JSON.stringify(properties).includes(wanted)).map(({ id }) => id);

/** What a review of security asks about, and where the stacks have it. */
const FINDINGS: Record<string, () => string[]> = {
  'a right to more than one resource': () => statements.filter(isBroad).map(named),
  'a policy of AWS’s own': () =>
    ofType('AWS::IAM::Role').flatMap(({ id, properties }) =>
      textsIn(properties['ManagedPolicyArns'] ?? []).map((arn) => `${id} ${arn.split('/').at(-1)}`),
    ),
  'trust in a service, whoever it acts for': () =>
    statements.filter((one) => isTrust(one) && !one.Condition).map(named),
  'a bucket without logs of access': () => without(ofType('AWS::S3::Bucket'), 'LoggingConfiguration'),
  'a bucket without versions': () => without(ofType('AWS::S3::Bucket'), 'VersioningConfiguration'),
  'a bucket without encryption': () => without(ofType('AWS::S3::Bucket'), 'BucketEncryption'),
  'a bucket that can be made public': () =>
    ofType('AWS::S3::Bucket')
      .filter(
        ({ properties }) =>
          Object.values(properties['PublicAccessBlockConfiguration'] ?? {}).filter((on) => on === true)
            .length !== 4,
      )
      .map(({ id }) => id),
  'a bucket that is reached without TLS': () =>
    ofType('AWS::S3::Bucket')
      .filter(({ id }) => !statements.some((one) => isTlsOnly(one) && one.id === `${id}Policy`))
      .map(({ id }) => id),
  'tags that can be pushed anew': () => holding(ofType('AWS::ECR::Repository'), '"MUTABLE"'),
  'images that stay for ever': () => without(ofType('AWS::ECR::Repository'), 'LifecyclePolicy'),
  'logs that stay for ever': () => without(ofType('AWS::Logs::LogGroup'), 'RetentionInDays'),
  'builds that are root on their machine': () =>
    holding(ofType('AWS::CodeBuild::Project'), '"PrivilegedMode":true'),
  'builds without a key of their own': () => without(ofType('AWS::CodeBuild::Project'), 'EncryptionKey'),
  'a VPC without flow logs': () => ofType('AWS::EC2::VPC').map(({ id }) => id),
  'addresses that the internet reaches': () =>
    holding(ofType('AWS::EC2::Subnet'), '"MapPublicIpOnLaunch":true'),
  'an API server that the internet reaches': () =>
    holding(ofType('AWS::EKS::Cluster'), '"EndpointPublicAccess":true'),
  'a control plane that does not log everything': () =>
    ofType('AWS::EKS::Cluster')
      .filter(({ properties }) => !/"scheduler"/.test(JSON.stringify(properties['Logging'])))
      .map(({ id }) => id),
  'extended support, at six times the price': () =>
    ofType('AWS::EKS::Cluster')
      .filter(({ properties }) => !/"STANDARD"/.test(JSON.stringify(properties['UpgradePolicy'])))
      .map(({ id }) => id),
};

const TAKES_NO_RESOURCE = 'ecr:GetAuthorizationToken takes no resource';
const OF_ACCOUNTS = 'ce:GetCostAndUsage takes no resource; only where it is asked for';
const ONLY_ITS_OWN = 'AWS’s condition holds it to what carries the tag of this cluster';
const AUTO_MODE = 'what Auto Mode does, which AWS changes with Auto Mode';

/** What is meant to be so, and why. */
const ACKNOWLEDGED: Record<string, Record<string, string>> = {
  'a right to more than one resource': {
    'artifacts/BuilderRole Registry': TAKES_NO_RESOURCE,
    'artifacts/BuilderRole PublicRegistry': TAKES_NO_RESOURCE,
    'artifacts/BuilderRole BearerToken': TAKES_NO_RESOURCE,
    'artifacts/InstallerRole Registry': TAKES_NO_RESOURCE,
    'artifacts/InstallerRole PublicRegistry': TAKES_NO_RESOURCE,
    'artifacts/InstallerRole BearerToken': TAKES_NO_RESOURCE,
    'cluster/OperatorRole Registry': TAKES_NO_RESOURCE,
    'cluster-roles/OperatorRole Registry': TAKES_NO_RESOURCE,
    'cluster/OperatorRoleCostExplorer Bill': OF_ACCOUNTS,
    'cluster-roles/OperatorRoleCostExplorer Bill': OF_ACCOUNTS,
    'cluster/ClusterRole Nodes': ONLY_ITS_OWN,
    'cluster/ClusterRole Volumes': ONLY_ITS_OWN,
    'cluster/ClusterRole NetworkInterfaces': ONLY_ITS_OWN,
  },
  'a policy of AWS’s own': {
    'cluster/ClusterRole AmazonEKSBlockStoragePolicy': AUTO_MODE,
    'cluster/ClusterRole AmazonEKSClusterPolicy': AUTO_MODE,
    'cluster/ClusterRole AmazonEKSComputePolicy': AUTO_MODE,
    'cluster/ClusterRole AmazonEKSLoadBalancingPolicy': AUTO_MODE,
    'cluster/ClusterRole AmazonEKSNetworkingPolicy': AUTO_MODE,
    'cluster/NodeRole AmazonEC2ContainerRegistryPullOnly': 'images of EKS itself are in accounts of AWS',
    'cluster/NodeRole AmazonEKSWorkerNodeMinimalPolicy': AUTO_MODE,
  },
  'trust in a service, whoever it acts for': {
    'cluster/NodeRole': 'EC2 says for no instance on whose behalf it comes; who may pass the role decides',
  },
  'a bucket without logs of access': {
    'artifacts/Bucket': 'CloudTrail logs access to objects for a whole account, where it is wanted',
  },
  'tags that can be pushed anew': {
    'artifacts/Cache': 'a layer cache has the name of its environment; Pods take images by digest alone',
    'artifacts/Frontends':
      'copies of tags that are pushed anew; none but the build that copies them may push them',
  },
  'builds that are root on their machine': {
    'artifacts/Project': 'Docker needs it; each build has a machine of its own, and a role that only builds',
  },
  'builds without a key of their own': {
    'artifacts/Project': 'there are no artifacts that it would encrypt',
  },
  'a VPC without flow logs': {
    'network/Vpc':
      'they cost by the gigabyte, and Trials move many; an account turns them on where it wants them',
  },
  'an API server that the internet reaches': {
    'cluster/Cluster': 'sb comes from laptops; every request is signed by IAM, and ApiCidrs narrows it',
  },
  'a control plane that does not log everything': {
    'cluster/Cluster': 'who did what is logged; the rest is for whoever repairs control planes, and AWS does',
  },
};

describe('A review of the stacks on AWS', () => {
  for (const [finding, where] of Object.entries(FINDINGS))
    it(`finds ${finding} where it is acknowledged, with a reason, and nowhere else`, () => {
      expect(where().sort()).to.deep.equal(Object.keys(ACKNOWLEDGED[finding] ?? {}).sort());
    });

  it('has acknowledged nothing that it does not look for', () => {
    expect(FINDINGS).to.include.all.keys(...Object.keys(ACKNOWLEDGED));
  });

  it('takes a star for more than one resource, in what is done and on what', () => {
    const wildcard = { Effect: 'Allow', Action: 's3:*', Resource: 'arn:aws:s3:::a' };
    expect(isBroad(wildcard)).to.equal(true);
    expect(isBroad({ ...wildcard, Action: ['s3:GetObject'], Resource: ['*'] })).to.equal(true);
    expect(isBroad({ ...wildcard, Action: 's3:GetObject' })).to.equal(false);
  });
});

describe('Access to the stacks on AWS', () => {
  it('is by roles: there is no user, no group and no key', () => {
    expect(resources.filter(({ type }) => /^AWS::IAM::(?!Role$|Policy$)/.test(type))).to.deep.equal([]);
    expect(textsIn(stacks).filter((text) => /AKIA|AccessKey/.test(text))).to.deep.equal([]);
  });

  it('is said in ARNs of the partition that a stack is in', () => {
    const arns = textsIn(resources).filter((text) => /(^|")arn:/.test(text));
    expect(arns.length).to.be.above(20);
    for (const arn of arns) expect(arn).to.match(/^arn:\$\{AWS::Partition\}:/);
  });

  it('is given to services that act for this account', () => {
    const conditional = statements.filter((one) => isTrust(one) && one.Condition);
    // Two of them in the place of two others, where the cluster is the user's.
    expect(conditional).to.have.lengthOf(5 + 2);
    for (const { id, Condition } of conditional)
      expect(Condition, id).to.have.property('StringEquals').with.property('aws:SourceAccount');
  });

  it('lets no role push the images that builds begin with but that of the build that brings them along', () => {
    const pushes = statements.filter(({ Action }) => textsIn(Action).includes('ecr:PutImage'));
    expect(pushes.map(named)).to.deep.equal([
      'artifacts/BuilderRole Repository',
      'artifacts/BuilderRole CacheRepository',
      'artifacts/InstallerRole Tools',
      'artifacts/InstallerRole OperatorRepository',
    ]);
  });

  it('is what the table of permissions says, in the names that the stacks give', () => {
    const place = { stack: 'sb', account: '123456789012', region: 'eu-west-1' };
    const names = awsNames(place);
    const values: Record<string, string> = {
      AWS_PARTITION: 'aws',
      'AWS::Partition': 'aws',
      AWS_ACCOUNT_ID: place.account,
      'AWS::AccountId': place.account,
      SB_AWS_REGION: place.region,
      'AWS::Region': place.region,
      SB_STACK: place.stack,
      Stack: place.stack,
      SB_S3_BUCKET: names.bucket,
      SB_ECR_REPO: names.images,
      SB_OPERATOR_REPO: names.operator,
      SB_CODEBUILD_PROJECT: names.project,
      SB_LOG_GROUP: '/logs',
      LogGroup: '/logs',
      SB_KMS_KEY_ID: 'key',
      KeyId: 'key',
      SB_PULL_THROUGH_PREFIX: 'hub',
      PullThroughPrefix: 'hub',
    };
    const filled = (text: string): string =>
      text.replace(/\$\{([\w:]+)\}/g, (whole, name: string) => values[name] ?? whole);
    const plain = (policy: unknown): unknown =>
      JSON.parse(filled(JSON.stringify(policy)).replace(/\{"Fn::Sub":("[^"]*")\}/g, '$1'));
    const found = resources.flatMap(({ properties }) =>
      [...valuesIn(properties)].flatMap(([, value]) => {
        const policy = value as { PolicyName?: string; PolicyDocument?: object } | undefined;
        return policy?.PolicyName ? [[`${policy.PolicyName}.json`, plain(policy.PolicyDocument)]] : [];
      }),
    );
    const wanted = Object.entries(policyDocuments()).filter(
      ([file]) => !/^(node|client|researcher)/.test(file),
    );
    const { 'own-tags.json': _, ...ours } = Object.fromEntries(found) as Record<string, unknown>;
    expect(ours).to.deep.equal(Object.fromEntries(wanted.map(([file, document]) => [file, plain(document)])));
  });
});

describe('The network on AWS', () => {
  const routes = ofType('AWS::EC2::Route');
  const associations = ofType('AWS::EC2::SubnetRouteTableAssociation');

  it('has nodes in subnets that have no route to the internet but through the NAT gateway', () => {
    const open = routes.filter(({ properties }) => 'GatewayId' in properties);
    const tables = open.map(({ properties }) => JSON.stringify(properties['RouteTableId']));
    const subnets = associations
      .filter(({ properties }) => tables.includes(JSON.stringify(properties['RouteTableId'])))
      .map(({ properties }) => properties['SubnetId']);
    expect(subnets).to.deep.equal([{ Ref: 'PublicSubnet' }]);
    const [, network] = stacks.find(([name]) => name === 'network') ?? [];
    expect(textsIn(network?.Outputs)).to.include('SubnetA').and.not.include('PublicSubnet');
  });

  it('is connected with no other one', () => {
    expect(resources.filter(({ type }) => /Peering|TransitGateway|VPN/.test(type))).to.deep.equal([]);
  });

  it('reaches S3 from every subnet of nodes without the NAT gateway', () => {
    const [endpoint] = ofType('AWS::EC2::VPCEndpoint');
    expect(endpoint?.properties['RouteTableIds']).to.deep.equal([{ Ref: 'PrivateRoutes' }]);
    for (const { id, properties } of associations)
      if (!id.includes('Public'))
        expect(properties['RouteTableId'], id).to.deep.equal({ Ref: 'PrivateRoutes' });
  });
});
