/** A context of steps whose cluster is an API server of the tests, or the local cluster. */
import type { CloudContext, ClusterAddress } from '../../src/client/cloud/steps.ts';

export interface CloudOptions {
  address?: ClusterAddress | undefined;
  /** Outputs of the stacks; those of `cluster` left out: it is not ours. */
  outputs?: Partial<Record<'artifacts' | 'network' | 'cluster', Record<string, string>>>;
  env?: Record<string, string>;
  cwd?: string;
}

/** Outputs of `<stack>-artifacts`. */
export const ARTIFACTS = {
  Bucket: 'sb-artifacts-123456789012-us-east-1',
  Images: 'sb-sandboxes',
  Operator: '123456789012.dkr.ecr.us-east-1.amazonaws.com/sb-operator',
  BuildKit: '123456789012.dkr.ecr.us-east-1.amazonaws.com/sb-tools/buildkit',
  Tools: '123456789012.dkr.ecr.us-east-1.amazonaws.com/sb-tools',
  Project: 'sb-build',
  PodLogs: '/sb/eks/logs',
};
/** Outputs of `<stack>-cluster`. */
export const CLUSTER = {
  NodeRole: 'sb-cluster-NodeRole-1',
  Subnets: 'subnet-1,subnet-2',
  SecurityGroup: 'sg-1',
};

export const addressOf = (endpoint: string, change: Partial<ClusterAddress> = {}): ClusterAddress => ({
  name: 'sb',
  arn: 'arn:aws:eks:us-east-1:123456789012:cluster/sb',
  endpoint,
  authority: Buffer.from('authority').toString('base64'),
  version: '1.35',
  autoMode: true,
  ours: true,
  ...change,
});

/** Time passes only when somebody sleeps; `said` has every line of progress. */
export function cloudOf(options: CloudOptions = {}): CloudContext & { said: string[]; onSleep: () => void } {
  const { address, env = {}, cwd = '/' } = options;
  const outputs: NonNullable<CloudOptions['outputs']> = options.outputs ?? {
    artifacts: ARTIFACTS,
    cluster: CLUSTER,
  };
  const said: string[] = [];
  let elapsed = 0;
  const cloud = {
    stack: 'sb',
    region: 'us-east-1',
    account: '123456789012',
    outputs: async (part: 'artifacts' | 'network' | 'cluster') => {
      const found = outputs[part];
      if (!found) throw new Error(`there is no stack sb-${part}`);
      return found;
    },
    cluster: async () => address,
    credentials: async () => ({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }),
    say: (line: string) => void said.push(line),
    signal: new AbortController().signal,
    now: () => new Date(Date.parse('2026-11-29T22:00:00Z') + elapsed),
    sleep: async (ms: number) => {
      elapsed += ms;
      cloud.onSleep();
    },
    env,
    cwd,
    said,
    /** What happens in the cluster meanwhile. */
    onSleep: () => {},
  };
  return cloud;
}
