/** How the NetworkPolicies of a namespace stand, without which no Pod of a Trial or a Sandbox is made there. */
export type PoliciesSeen =
  | { kind: 'inPlace' }
  | { kind: 'awaited' }
  /** The API server does not take them, in its words. */
  | { kind: 'refused'; message: string };
