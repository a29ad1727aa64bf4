/** Pure: why the API server takes no Pod, or no Job, by its own words. */

export interface Refusal {
  /** `passing`: it ends when something else does · `final`: validation or admission said so · `unanswered`: the server itself is in trouble. */
  kind: 'passing' | 'final' | 'unanswered';
  why: 'Quota' | 'PodSecurity' | 'Limits' | 'Policy' | 'Other';
  /** The words without what is another with each try: the Pod's name and what is used of a quota. */
  message: string;
}

const PASSING = /exceeded quota|being terminated|looking up service account|failed calling webhook/;
const FINAL = /is forbidden|is invalid|denied the request/;

/** The first that fits counts. */
const REASONS: [why: Refusal['why'], pattern: RegExp][] = [
  ['Quota', /exceeded quota/i],
  ['PodSecurity', /violates PodSecurity/i],
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
