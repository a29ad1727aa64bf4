/** Pure: why the API server takes no Pod, or no Job, by its own words. */
import type { PodSpec } from './containers.ts';
import { enforcedLevel, securityLevelOf, shortfallsOf, takes, type SecurityLevel } from './security-level.ts';

export interface Refusal {
  /** `passing`: it ends when something else does · `final`: validation or admission said so · `unanswered`: the server itself is in trouble. */
  kind: 'passing' | 'final' | 'unanswered';
  why: 'Quota' | 'PodSecurity' | 'Users' | 'Limits' | 'Policy' | 'Other';
  /** The words without what is another with each try: the Pod's name and what is used of a quota. */
  message: string;
}

const PASSING = /exceeded quota|being terminated|looking up service account|failed calling webhook/;
const FINAL = /is forbidden|is invalid|denied the request/;

/** The first that fits counts. */
const REASONS: [why: Refusal['why'], pattern: RegExp][] = [
  ['Quota', /exceeded quota/i],
  ['PodSecurity', /violates PodSecurity/i],
  ['Users', /runAsUser: .*must be in the ranges/],
  ['Limits', /(?:maximum|minimum) .* usage per|limitrange|must specify limits/i],
  ['Policy', /admission webhook|denied the request/i],
];

export const refusalOf = (words: string): Refusal => ({
  kind: PASSING.test(words) ? 'passing' : FINAL.test(words) ? 'final' : 'unanswered',
  why: REASONS.find(([, pattern]) => pattern.test(words))?.[0] ?? 'Other',
  message: words
    .replace(/^Error creating: (pods? "[^"]*" is (forbidden|invalid): )?/i, '')
    .replace(/, used: .*?(?=, limited: )/, ''),
});

export interface SecurityRefusal {
  enforced: SecurityLevel;
  /** What the Pod meets as it was rendered. */
  met: SecurityLevel;
  /** Both levels and what the Pod lacks, in a sentence. */
  meaning: string;
}

/** What the refusal of a Pod for its Pod Security level means; undefined for any other. `rendered`: the Pod as it was asked for. */
export function securityRefusal(words: string, rendered: PodSpec): SecurityRefusal | undefined {
  const [, label] = /violates PodSecurity "(\w+):/.exec(words) ?? [];
  if (label === undefined) return undefined;
  const [enforced, met] = [enforcedLevel(label), securityLevelOf(rendered)];
  const asks = `the namespace enforces Pod Security ${enforced}`;
  const meaning = takes(enforced, met)
    ? `${asks}, which the Pod met before something in the cluster changed it`
    : `${asks}, and the Pod meets ${met}: ${shortfallsOf(rendered)[0]?.what}`;
  return { enforced, met, meaning };
}

/**
 * What the refusal of a Pod for its users means, where the namespace has a range of them, as OpenShift's SCC `restricted-v2` words it; undefined
 * for any other. `rendered`: the Pod as it was asked for.
 */
export function userRefusal(words: string, { containers }: PodSpec): string | undefined {
  const [, first, last] = /runAsUser: .*?must be in the ranges: \[(\d+), (\d+)\]/.exec(words) ?? [];
  if (first === undefined) return undefined;
  const user = containers[0]?.securityContext?.runAsUser ?? 0;
  return `the users of the namespace are ${first} to ${last}, and the task container starts as ${user === 0 ? 'root' : `user ${user}`}`;
}
