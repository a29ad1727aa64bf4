/** What the network controller sees; every decision rests on this alone. */
import type { NetworkPolicy } from '../../kube/kinds.ts';
import type { EgressRule } from '../../wire/egress.ts';

/** What the policies of an installation are made of. */
export interface Surroundings {
  /** The operator's Pods, and the port at which they serve couriers. */
  broker: { namespace: string; labels: Record<string, string>; port: number };
  /** IP addresses of the API server. */
  apiServers: readonly string[];
  /** What a Pod that has the internet may reach besides: the store where it is in a private network, and what the installation allows. */
  allowed: readonly EgressRule[];
}

/** Everything that a decision about a namespace rests on. */
export interface ObservedNamespace {
  /** Whether it has Trials or Sandboxes, and goes on to exist. */
  isUsed: boolean;
  wanted: readonly NetworkPolicy[];
  /** What is there of them, by name. */
  found: ReadonlyMap<string, NetworkPolicy>;
}
