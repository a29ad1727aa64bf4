/** What looks like tampering. Bounded, because a hostile task container can produce any number of them. */

const MAX_FINDINGS = 16;
const MAX_CHARS = 256;

export interface Findings {
  add(finding: string): void;
  list(): string[];
  /** Says why it cannot be told whether somebody interfered. Few, and none of a text that a stranger chose. */
  doubt(reason: string): void;
  doubts(): string[];
}

export function findings(): Findings {
  const seen = new Set<string>();
  const reasons = new Set<string>();
  let dropped = 0;
  return {
    add(finding) {
      // oxlint-disable-next-line no-control-regex -- a hostile writer chose these characters
      const text = finding.replace(/[\u0000-\u001f\u007f]/g, '?').slice(0, MAX_CHARS);
      if (seen.has(text)) return;
      if (seen.size < MAX_FINDINGS - 1) seen.add(text);
      else dropped += 1;
    },
    doubt: (reason) => void reasons.add(reason),
    doubts: () => [...reasons],
    list: () => [...seen, ...(dropped > 0 ? [`${dropped} more findings`] : [])],
  };
}
