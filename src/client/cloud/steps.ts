/**
 * What `sb cloud init` makes and `sb cloud down` takes away, as a list of steps: stacks first, then what is in the cluster. AWS and the
 * cluster keep all state; a step finds out by itself how far an earlier `init` came, so that the same command goes on from anywhere.
 */
import type { AwsCredentials } from '../../providers/account/port.ts';
import type { PoolLimit } from './account/quotas.ts';

/** One thing that is made, and taken away again. */
export interface CloudStep {
  /** What progress and failures call it: `stack abundant-sb-cluster`, `operator`. */
  readonly name: string;
  /** What it consists of, a line each, for whoever is asked before it is taken away. Without prices. `cluster`: that it is in. */
  shows(cloud: CloudContext, cluster?: Pick<ClusterAddress, 'ours'>): readonly string[];
  /** Whether all of it is there, as this version of `sb` makes it. Changes nothing. */
  isDone(cloud: CloudContext): Promise<boolean>;
  /** Makes what is missing, or waits for whoever is making it. Called where `isDone` said no; idempotent. Rejects with a `CliError` or `ProviderError`. */
  make(cloud: CloudContext): Promise<void>;
  /** Takes it away, and resolves when it is gone. Nothing to do where it is not there. Called in the reverse order of `make`. */
  remove(cloud: CloudContext): Promise<void>;
}

/** The stacks of an installation, by what follows its name in theirs. */
export type StackPart = 'artifacts' | 'network' | 'cluster';

/** An EKS cluster: that of the stack, or the one that `--cluster` names. */
export interface ClusterAddress {
  name: string;
  arn: string;
  /** `https://…` */
  endpoint: string;
  /** Certificate of the CA of the API server, PEM in base64. */
  authority: string;
  /** `1.35` */
  version: string;
  /** False: nodes are the business of whoever made it; no NodePool or NodeClass of EKS Auto Mode can be applied. */
  autoMode: boolean;
  /** Made by our stack, and goes with it; one that was there before stays, and others have things in it. */
  ours: boolean;
}

/** What a step works with. */
export interface CloudContext {
  /** `SB_STACK`: name of the installation. */
  readonly stack: string;
  readonly region: string;
  /** Twelve digits: the account that the credentials are of. */
  readonly account: string;
  /** The outputs of a stack by name (`src/installation/aws/stacks`). Rejects where the stack is not there or not ours. Asked anew each time. */
  outputs(part: StackPart): Promise<Readonly<Record<string, string>>>;
  /** Undefined where there is none yet, or none any more. Asked anew each time. */
  cluster(): Promise<ClusterAddress | undefined>;
  /** Of the user, never of ours, for clients of further services and for the token; fresh at each call. Endpoints are the SDK's own `AWS_ENDPOINT_URL_…`. */
  credentials(): Promise<AwsCredentials>;
  /** Shows a line of progress. Text of others may be in it: printing makes it safe. */
  say(line: string): void;
  /** Aborted by Ctrl-C: stop waiting; what AWS is doing goes on. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Resolves after so many milliseconds; rejects when the signal fires. */
  readonly sleep: (ms: number) => Promise<void>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** What happens inside the cluster, once it is there. */
export interface ClusterPart {
  /** In the order in which they are made; after all stacks. */
  readonly steps: readonly CloudStep[];
  /** Names of Trials and Sandboxes that would be lost with the cluster, as `namespace/name`; at most a few hundred. Empty where nothing is installed. Rejects where the cluster does not answer. */
  running(cloud: CloudContext): Promise<readonly string[]>;
  /** Labels of each node of a cluster that is ours. Empty where there is none. Rejects where the cluster does not answer. */
  nodes(cloud: CloudContext): Promise<readonly Readonly<Record<string, string>>[]>;
  /** What limits the nodes of a cluster, ours or not. Empty where it is none of Karpenter's. Rejects where the cluster does not answer. */
  pools(cloud: CloudContext): Promise<readonly PoolLimit[]>;
}
