import { KubeConfig } from '@kubernetes/client-node';
import { Registry } from 'prom-client';
import { createKubeClient } from './client.ts';
import { systemClock, type Clock } from '../async/clock.ts';
import { kubeConfigCredentials, type TokenSource } from './http/credentials.ts';
import { createPools, type Lane } from './http/pools.ts';
import { createTransport, type Transport } from './http/transport.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import type { KubeClient, Log } from './types.ts';

export interface ConnectOptions {
  /** Default: KUBECONFIG, ~/.kube/config, or the pod's ServiceAccount. */
  kubeConfig?: KubeConfig;
  /** Tokens of our own making, in the place of the user that the kubeconfig names. */
  token?: TokenSource;
  /** Owner of the fields that `client.apply` writes; default: the operator's. */
  fieldManager?: string;
  log: Log;
  metrics?: Metrics;
  clock?: Clock;
  random?: () => number;
  /** For one request, from sending to the last byte. Default 30 s; renewals of the lease never have more than 5. */
  requestTimeoutMs?: number;
}

/** A connection to one API server: three sets of sockets, one identity. */
export interface Kube {
  client: KubeClient;
  /** On its own sockets and impatient, so that a renewal never waits behind other work. */
  leaseClient: KubeClient;
  transport: Transport;
  /** @internal */
  kubeConfig: KubeConfig;
  clock: Clock;
  random: () => number;
  log: Log;
  /** @internal */
  metrics: Metrics;
  close(): Promise<void>;
}

const REST = { lane: 'rest' as Lane, timeoutMs: 30_000, maxRetries: 10 };
/** Half the renew deadline; the elector itself tries again. */
const LEASE = { lane: 'lease' as Lane, timeoutMs: 5000, maxRetries: 0 };

function defaultKubeConfig(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromDefault();
  return config;
}

export function connect(options: ConnectOptions): Kube {
  const { log, fieldManager, clock = systemClock, random = Math.random } = options;
  const kubeConfig = options.kubeConfig ?? defaultKubeConfig();
  const metrics = options.metrics ?? createMetrics(new Registry());
  const cluster = kubeConfig.getCurrentCluster();
  if (!cluster) throw new Error('the kubeconfig has no current cluster');
  const pools = createPools(cluster.proxyUrl);
  const shared = {
    server: cluster.server,
    pools,
    credentials: kubeConfigCredentials(kubeConfig, clock, options.token),
    clock,
    random,
    onAnswer: metrics.request,
  };
  const { requestTimeoutMs = REST.timeoutMs } = options;
  const transport = createTransport({ ...shared, ...REST, timeoutMs: requestTimeoutMs });
  const timeoutMs = Math.min(LEASE.timeoutMs, requestTimeoutMs);
  const leaseTransport = createTransport({ ...shared, ...LEASE, timeoutMs });
  return {
    client: createKubeClient({ transport, ...(fieldManager !== undefined && { fieldManager }) }),
    leaseClient: createKubeClient({ transport: leaseTransport }),
    transport,
    kubeConfig,
    clock,
    random,
    log,
    metrics,
    close: () => pools.close(),
  };
}
