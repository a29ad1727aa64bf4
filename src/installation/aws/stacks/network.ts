/** The stack of a network of one's own: nodes in private subnets, one way out, S3 without a detour. Left out where a VPC is there. */
import {
  attribute,
  ref,
  sub,
  tags,
  template,
  when,
  type ConditionName,
  type Resource,
  type Tag,
} from './template.ts';

const PART = 'network';
/** Quarters of the VPC: three for nodes and Pods, and one that holds what is public. */
const quarter = (index: number) => sub(`\${CidrPrefix}.${index * 64}.0/18`);

interface Zone {
  id: 'A' | 'B' | 'C';
  index: number;
  condition?: ConditionName;
}

/** Two zones are what EKS wants; a third one finds more capacity. */
const ZONES: readonly Zone[] = [
  { id: 'A', index: 0 },
  { id: 'B', index: 1 },
  { id: 'C', index: 2, condition: 'HasZoneC' },
];

const named = (name: string): Tag => ({ Key: 'Name', Value: sub(`\${Stack}-${name}`) });

const privateSubnet = ({ id, index, condition }: Zone): Record<string, Resource> => ({
  [`Subnet${id}`]: {
    Type: 'AWS::EC2::Subnet',
    ...(condition && { Condition: condition }),
    Properties: {
      VpcId: ref('Vpc'),
      AvailabilityZone: ref(`Zone${id}`),
      CidrBlock: quarter(index),
      MapPublicIpOnLaunch: false,
      Tags: tags(PART, [
        named(`private-${id.toLowerCase()}`),
        { Key: 'kubernetes.io/role/internal-elb', Value: '1' },
      ]),
    },
  },
  [`Subnet${id}Routes`]: {
    Type: 'AWS::EC2::SubnetRouteTableAssociation',
    ...(condition && { Condition: condition }),
    Properties: { SubnetId: ref(`Subnet${id}`), RouteTableId: ref('PrivateRoutes') },
  },
});

/** Holds the NAT gateway and nothing else: no node has a public address. */
const publicSide: Record<string, Resource> = {
  InternetGateway: {
    Type: 'AWS::EC2::InternetGateway',
    Properties: { Tags: tags(PART, [named('internet')]) },
  },
  InternetAttachment: {
    Type: 'AWS::EC2::VPCGatewayAttachment',
    Properties: { VpcId: ref('Vpc'), InternetGatewayId: ref('InternetGateway') },
  },
  PublicSubnet: {
    Type: 'AWS::EC2::Subnet',
    Properties: {
      VpcId: ref('Vpc'),
      AvailabilityZone: ref('ZoneA'),
      CidrBlock: sub('${CidrPrefix}.192.0/24'),
      MapPublicIpOnLaunch: false,
      Tags: tags(PART, [named('nat')]),
    },
  },
  PublicRoutes: {
    Type: 'AWS::EC2::RouteTable',
    Properties: { VpcId: ref('Vpc'), Tags: tags(PART, [named('public')]) },
  },
  PublicDefault: {
    Type: 'AWS::EC2::Route',
    DependsOn: ['InternetAttachment'],
    Properties: {
      RouteTableId: ref('PublicRoutes'),
      DestinationCidrBlock: '0.0.0.0/0',
      GatewayId: ref('InternetGateway'),
    },
  },
  PublicSubnetRoutes: {
    Type: 'AWS::EC2::SubnetRouteTableAssociation',
    Properties: { SubnetId: ref('PublicSubnet'), RouteTableId: ref('PublicRoutes') },
  },
  NatAddress: {
    Type: 'AWS::EC2::EIP',
    DependsOn: ['InternetAttachment'],
    Properties: { Domain: 'vpc', Tags: tags(PART, [named('nat')]) },
  },
  Nat: {
    Type: 'AWS::EC2::NatGateway',
    Properties: {
      SubnetId: ref('PublicSubnet'),
      AllocationId: attribute('NatAddress', 'AllocationId'),
      Tags: tags(PART, [named('nat')]),
    },
  },
};

const privateSide: Record<string, Resource> = {
  PrivateRoutes: {
    Type: 'AWS::EC2::RouteTable',
    Properties: { VpcId: ref('Vpc'), Tags: tags(PART, [named('private')]) },
  },
  PrivateDefault: {
    Type: 'AWS::EC2::Route',
    Properties: {
      RouteTableId: ref('PrivateRoutes'),
      DestinationCidrBlock: '0.0.0.0/0',
      NatGatewayId: ref('Nat'),
    },
  },
  // Layers of images and all that Trials store: through the NAT gateway each of these gigabytes would cost.
  S3Endpoint: {
    Type: 'AWS::EC2::VPCEndpoint',
    Properties: {
      VpcId: ref('Vpc'),
      VpcEndpointType: 'Gateway',
      ServiceName: sub('com.amazonaws.${AWS::Region}.s3'),
      RouteTableIds: [ref('PrivateRoutes')],
      Tags: tags(PART, [named('s3')]),
    },
  },
};

const joined = (...ids: Zone['id'][]) => ({ 'Fn::Join': [',', ids.map((id) => ref(`Subnet${id}`))] });

export const network = template({
  Description:
    'sb-operator: a VPC whose nodes are private, with one NAT gateway and a gateway endpoint for S3.',
  Resources: {
    Vpc: {
      Type: 'AWS::EC2::VPC',
      Properties: {
        CidrBlock: sub('${CidrPrefix}.0.0/16'),
        EnableDnsHostnames: true,
        EnableDnsSupport: true,
        Tags: tags(PART, [named('vpc')]),
      },
    },
    ...publicSide,
    ...privateSide,
    ...Object.fromEntries(ZONES.flatMap((zone) => Object.entries(privateSubnet(zone)))),
  },
  Outputs: {
    VpcId: { Description: 'The VPC.', Value: ref('Vpc') },
    SubnetIds: {
      Description: 'Private subnets, for the stack of the cluster.',
      Value: when('HasZoneC', joined('A', 'B', 'C'), joined('A', 'B')),
    },
  },
});
