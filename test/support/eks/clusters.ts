/** What EKS keeps: clusters, who may enter them, and which ServiceAccounts are which roles. Names are those of the API. */
import { randomUUID } from 'node:crypto';
import { AwsError } from '../codebuild/errors.ts';

export const notFound = (message: string): AwsError =>
  new AwsError('ResourceNotFoundException', message, 404);
export const inUse = (message: string): AwsError => new AwsError('ResourceInUseException', message, 409);
export const wrong = (message: string): AwsError => new AwsError('InvalidParameterException', message);

export type Tags = Readonly<Record<string, string>>;

export interface AssociatedPolicy {
  policyArn: string;
  accessScope: { type: 'cluster' | 'namespace'; namespaces?: string[] };
}

export interface AccessEntry {
  clusterName: string;
  principalArn: string;
  accessEntryArn: string;
  kubernetesGroups: string[];
  username: string;
  type: string;
  tags: Tags;
  policies: AssociatedPolicy[];
}

export interface PodIdentity {
  clusterName: string;
  namespace: string;
  serviceAccount: string;
  roleArn: string;
  associationArn: string;
  associationId: string;
  tags: Tags;
}

export interface Cluster {
  name: string;
  arn: string;
  /** Epoch seconds. */
  createdAt: number;
  version: string;
  roleArn: string;
  status: 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING' | 'FAILED';
  tags: Tags;
  /** All else that DescribeCluster shows, as it was asked for. */
  declared: Readonly<Record<string, unknown>>;
  /** Where its API server is; not shown before it is active. */
  endpoint: string;
  /** PEM. */
  authority: string;
  entries: AccessEntry[];
  identities: PodIdentity[];
}

export interface NewCluster extends Pick<Cluster, 'name' | 'version' | 'roleArn' | 'tags' | 'declared'> {
  nodeRoleArn?: string;
}

export interface Place {
  region: string;
  account: string;
}

/** Source: AccessEntry, `username`: of a role, its session's ARN; of a user, its own. */
const usernameOf = (principalArn: string): string => {
  const [, account, role] = /^arn:[a-z-]+:iam::(\d+):role\/(?:.*\/)?(.+)$/.exec(principalArn) ?? [];
  return role === undefined ? principalArn : `arn:aws:sts::${account}:assumed-role/${role}/{{SessionName}}`;
};

const PRINCIPAL = /^arn:[a-z-]+:iam::\d{12}:(?:role|user)\/.+$/;
/** Those that are worked out here; EKS has more. */
export const CLUSTER_ADMIN = 'AmazonEKSClusterAdminPolicy';
const VERSIONS = ['1.33', '1.34', '1.35', '1.36'];

export class Clusters {
  readonly all: Cluster[] = [];
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  get({ clusterName }: { clusterName: string }): Cluster {
    const cluster = this.all.find(({ name }) => name === clusterName);
    if (!cluster) throw notFound(`No cluster found for name: ${clusterName}.`);
    return cluster;
  }

  /** It is CREATING until somebody says otherwise. */
  create(wanted: NewCluster, door: { endpoint: string; authority: string }): Cluster {
    const { nodeRoleArn, ...rest } = wanted;
    if (this.all.some(({ name }) => name === wanted.name))
      throw inUse(`Cluster already exists with name: ${wanted.name}`);
    if (!VERSIONS.includes(wanted.version)) throw wrong(`unsupported Kubernetes version ${wanted.version}`);
    const cluster: Cluster = {
      ...rest,
      ...door,
      arn: this.#arn(`cluster/${wanted.name}`),
      createdAt: Math.floor(Date.now() / 1000),
      status: 'CREATING',
      entries: [],
      identities: [],
    };
    this.all.push(cluster);
    // EKS lets nodes in by itself. Source: user guide, “Create a node class”, access entry of the built-in node role.
    if (nodeRoleArn !== undefined)
      this.addEntry({ clusterName: wanted.name, principalArn: nodeRoleArn, type: 'EC2' });
    return cluster;
  }

  remove(clusterName: string): void {
    const at = this.all.findIndex(({ name }) => name === clusterName);
    if (at >= 0) this.all.splice(at, 1);
  }

  entry(of: { clusterName: string; principalArn: string }): AccessEntry {
    const entry = this.get(of).entries.find(({ principalArn }) => principalArn === of.principalArn);
    if (!entry)
      throw notFound(
        "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.",
      );
    return entry;
  }

  addEntry(
    wanted: Pick<AccessEntry, 'clusterName' | 'principalArn'> &
      Partial<Pick<AccessEntry, 'kubernetesGroups' | 'username' | 'type' | 'tags' | 'policies'>>,
  ): AccessEntry {
    const { clusterName, principalArn } = wanted;
    const cluster = this.get(wanted);
    if (!PRINCIPAL.test(principalArn))
      throw wrong('The specified principalArn is invalid: invalid principal.');
    if (cluster.entries.some((one) => one.principalArn === principalArn))
      throw inUse('The specified access entry resource is already in use on this cluster.');
    const groups = wanted.kubernetesGroups ?? [];
    // Source: CreateAccessEntry, `kubernetesGroups` and `username`.
    if (groups.some((group) => group.startsWith('system:')))
      throw wrong('The kubernetes group name is invalid, it cannot start with system:');
    const entry: AccessEntry = {
      clusterName,
      principalArn,
      accessEntryArn: this.#arn(
        `access-entry/${clusterName}/${principalArn.replace(/^.*:(role|user)\//, '$1/')}/${randomUUID()}`,
      ),
      kubernetesGroups: groups,
      username: wanted.username ?? usernameOf(principalArn),
      type: wanted.type ?? 'STANDARD',
      tags: wanted.tags ?? {},
      policies: [...(wanted.policies ?? [])],
    };
    cluster.entries.push(entry);
    return entry;
  }

  removeEntry(of: { clusterName: string; principalArn: string }): void {
    const cluster = this.get(of);
    const entry = this.entry(of);
    cluster.entries = cluster.entries.filter((one) => one !== entry);
  }

  /** Source: AssociateAccessPolicy: a policy that is there already gets the new scope. */
  addPolicy(of: { clusterName: string; principalArn: string }, policy: AssociatedPolicy): void {
    const entry = this.entry(of);
    entry.policies = [...entry.policies.filter(({ policyArn }) => policyArn !== policy.policyArn), policy];
  }

  addIdentity(
    wanted: Pick<PodIdentity, 'clusterName' | 'namespace' | 'serviceAccount' | 'roleArn'> & { tags?: Tags },
  ): PodIdentity {
    const cluster = this.get(wanted);
    const { namespace, serviceAccount } = wanted;
    if (
      cluster.identities.some((one) => one.namespace === namespace && one.serviceAccount === serviceAccount)
    )
      throw inUse(`Association already exists: ${namespace}/${serviceAccount}`);
    const associationId = `a-${randomUUID().replaceAll('-', '').slice(0, 17)}`;
    const identity: PodIdentity = {
      tags: {},
      ...wanted,
      associationId,
      associationArn: this.#arn(`podidentityassociation/${wanted.clusterName}/${associationId}`),
    };
    cluster.identities.push(identity);
    return identity;
  }

  identity(of: { clusterName: string; associationId: string }): PodIdentity {
    const identity = this.get(of).identities.find(({ associationId }) => associationId === of.associationId);
    if (!identity) throw notFound(`No association found with id: ${of.associationId}`);
    return identity;
  }

  removeIdentity(of: { clusterName: string; associationId: string }): void {
    const cluster = this.get(of);
    const identity = this.identity(of);
    cluster.identities = cluster.identities.filter((one) => one !== identity);
  }

  #arn(rest: string): string {
    return `arn:aws:eks:${this.#place.region}:${this.#place.account}:${rest}`;
  }
}
