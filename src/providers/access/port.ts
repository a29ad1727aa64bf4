/** Who of an account of a cloud enters a cluster, and as whom. Failures are `ProviderError`. */

/** `taken`: it is let in as something else, an admin perhaps, and nothing was changed. */
export type Granted = 'granted' | 'taken';

export interface ClusterAccess {
  /** Lets a role, or a user, in as a member of these groups of Kubernetes. */
  grant(principal: string, groups: readonly string[]): Promise<Granted>;
  /** Its groups; undefined where it is not let in. */
  groupsOf(principal: string): Promise<string[] | undefined>;
  /** Nothing to do where it is not let in. */
  revoke(principal: string): Promise<void>;
}
