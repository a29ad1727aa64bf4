/** An account of a cloud as its user sees it: who one is, what is there, and what was left. Failures are `ProviderError`. */

export interface Identity {
  /** Twelve digits. */
  account: string;
  /** As AWS knows the caller, a session perhaps: `arn:aws:sts::…:assumed-role/admin/jane`. */
  arn: string;
}

/** An EKS cluster that is there. */
export interface Cluster {
  name: string;
  arn: string;
  /** `CREATING`, `ACTIVE`, … */
  status: string;
  version: string;
  /** Empty while it is made. */
  endpoint: string;
  /** PEM in base64; empty while it is made. */
  authority: string;
  autoMode: boolean;
  /** ARN of the role of the nodes that Auto Mode makes; undefined without it. */
  nodeRole?: string;
  tags: Readonly<Record<string, string>>;
  /** Where its nodes are; empty while it is made. */
  vpc: string;
  subnets: readonly string[];
}

/** A role of IAM. */
export interface Role {
  /** With its path, which a session's does not have. */
  arn: string;
  tags: Readonly<Record<string, string>>;
}

export interface Subnet {
  id: string;
  zone: string;
  /** What runs there gets a public address. */
  public: boolean;
  /** Tagged for nodes and internal load balancers (`kubernetes.io/role/internal-elb`). */
  internal: boolean;
}

/** As the SDK takes them. */
export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}

export interface Account {
  identity(): Promise<Identity>;
  /** Fresh. Throws `AccessDenied` where there are none. */
  credentials(): Promise<AwsCredentials>;
  /** Throws `NotFound`. */
  role(name: string): Promise<Role>;
  /** Names of the zones in which EKS can put a control plane, in order. */
  zones(): Promise<string[]>;
  /** Of a VPC; empty where there is none of that id. */
  subnets(vpc: string): Promise<Subnet[]>;
  /** Undefined where there is none. */
  cluster(name: string): Promise<Cluster | undefined>;
  /** ARNs of what has the tag; the first thousand. A while after something is gone, it may still be among them. */
  tagged(key: string, value: string): Promise<string[]>;
}

/** What is in a bucket: to be shown before it goes. */
export interface Contents {
  /** Objects, versions and marks of deletion; counted up to a limit. */
  count: number;
  /** There are more. */
  more: boolean;
}

/** What deletes for good. */
export interface Purge {
  /** Undefined where there is no such bucket, or it is another account's. */
  contents(bucket: string): Promise<Contents | undefined>;
  /** Deletes every version of every object, every unfinished upload, and then the bucket. Nothing to do where there is none. Rejects with `PreconditionFailed` where something keeps writing there. `report`: how many are gone. */
  bucket(name: string, report: (gone: number) => void): Promise<void>;
  /** Deletes a repository of images with what is in it. Nothing to do where there is none. */
  repository(name: string): Promise<void>;
  /** Deletes a log group. Nothing to do where there is none. */
  logGroup(name: string): Promise<void>;
}

/** A quota of an account, by its code in Service Quotas. */
export interface QuotaCode {
  service: 'codebuild' | 'ec2';
  code: string;
}

/** A CodeBuild project, as far as builds depend on it. */
export interface BuildProject {
  /** `BUILD_GENERAL1_MEDIUM`; each has a quota of its own. */
  computeType: string;
  /** `LINUX_CONTAINER`. */
  type: string;
  /** ARN. */
  role: string;
}

/** A ServiceAccount of a cluster. */
export interface PodIdentity {
  cluster: string;
  namespace: string;
  name: string;
}

/** How a VPC reaches S3. */
export interface S3Way {
  /** Id of a gateway endpoint; undefined where there is none. */
  endpoint?: string;
  /** Of the subnets that were asked for: those route tables from which S3 is not reached by it. */
  without: readonly string[];
}

/** What IAM is asked to decide: each of these actions on each of these resources. */
export interface Simulation {
  actions: readonly string[];
  resources: readonly string[];
  /** Condition keys that the request has, and their values. */
  context: Readonly<Record<string, string>>;
}

/** What keeps somebody from something. */
export type Denial =
  /** No policy of theirs allows it. */
  | 'not allowed'
  /** A policy of theirs denies it. */
  | 'denied'
  /** Their permissions boundary. */
  | 'boundary'
  /** A service control policy of the organization. */
  | 'organization';

/** What IAM decides about an action on a resource. */
export interface Verdict {
  action: string;
  resource: string;
  /** Undefined: it is allowed. */
  denial?: Denial;
  /** The policy that denies it, where IAM names one. */
  by?: string;
  /** Condition keys that the policies ask for and the simulation did not have. */
  missing: readonly string[];
}

/** What an installation depends on in its account, to be looked at. Changes nothing. */
export interface Inspection {
  /** The account's own value, else AWS's default; undefined where the region has no such quota. */
  quota(quota: QuotaCode): Promise<number | undefined>;
  /** Undefined where there is none. */
  project(name: string): Promise<BuildProject | undefined>;
  hasLogGroup(name: string): Promise<boolean>;
  /** ARN of the role that EKS Pod Identity gives a ServiceAccount; undefined where it gives none. */
  podRole(identity: PodIdentity): Promise<string | undefined>;
  s3Way(vpc: string, subnets: readonly string[]): Promise<S3Way>;
  /** Those of these tags, a hundred at most, that bills are split by: cost allocation tags that somebody has activated. Throws `AccessDenied` where another account pays. */
  activeCostTags(keys: readonly string[]): Promise<string[]>;
  /** By the policies of a role or user, given by its ARN, and those that limit it; not by those of resources. Throws `AccessDenied` where the caller may not ask, `NotFound` where nobody is called that. */
  simulate(principal: string, asked: Simulation): Promise<Verdict[]>;
}
