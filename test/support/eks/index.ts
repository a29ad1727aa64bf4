/** AWS EKS on this machine: its API, and doors with its tokens in front of a real API server; rules and sources in docs/testing-aws.md. */
export type { AccessEntry, Cluster, NewCluster, PodIdentity } from './clusters.ts';
export type { Upstream } from './door.ts';
export { startEks, type EksOptions, type EksService } from './server.ts';
export { TokenRefused } from './token.ts';
export { upstreamOf } from './upstream.ts';
