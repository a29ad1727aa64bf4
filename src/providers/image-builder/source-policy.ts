/** Where BuildKit pulls base images from. Pure. */

/**
 * A source policy, in JSON, that has base images pulled from their mirrors without a Dockerfile being changed: prefixes of their names,
 * the longest one first, and what stands for them. Undefined where there are none.
 */
export function sourcePolicy(mirrors: Record<string, string>): string | undefined {
  const entries = Object.entries(mirrors).toSorted(([a], [b]) => b.length - a.length);
  const rules = entries.map(([from, to]) => ({
    action: 'CONVERT',
    selector: { identifier: `docker-image://${from}/*` },
    updates: { identifier: `docker-image://${to}/\${1}` },
  }));
  return rules.length > 0 ? JSON.stringify({ rules }) : undefined;
}
