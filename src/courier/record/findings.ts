/** What speaks against the reward. Bounded, because a hostile task container can produce any number of findings. */
import { FINDING_MESSAGE_MAX, FINDINGS_MAX, severityOf } from '../../crds/findings.ts';
import type { Finding, FindingCode } from '../../crds/findings.ts';

/** Of one code; how many more there were is said in place of the last. */
const MESSAGES_MAX = 3;

export interface Findings {
  /** The same twice counts once. */
  add(code: FindingCode, message: string): void;
  /** At most FINDINGS_MAX, what looked like tampering first; of every code one, before others say it again. */
  list(): Finding[];
}

export function findings(): Findings {
  const byCode = new Map<FindingCode, Set<string>>();
  const dropped = new Map<FindingCode, number>();
  const listed = (code: FindingCode, messages: Set<string>): Finding[] => {
    const more = dropped.get(code) ?? 0;
    const kept = [...messages].slice(0, more > 0 ? MESSAGES_MAX - 1 : MESSAGES_MAX);
    return [...kept, ...(more > 0 ? [`${more + 1} more of this kind`] : [])].map((message) => ({
      code,
      message,
    }));
  };
  return {
    add(code, message) {
      // oxlint-disable-next-line no-control-regex -- a hostile writer chose these characters
      const text = message.replace(/[\u0000-\u001f\u007f]/g, '?').slice(0, FINDING_MESSAGE_MAX);
      const messages = byCode.get(code) ?? new Set();
      byCode.set(code, messages);
      if (messages.size < MESSAGES_MAX) messages.add(text);
      else if (!messages.has(text)) dropped.set(code, (dropped.get(code) ?? 0) + 1);
    },
    list() {
      const all = [...byCode].map(([code, messages]) => listed(code, messages));
      const firsts = all.flatMap((ofCode) => ofCode.slice(0, 1));
      const bySeverity = (severity: string): Finding[] =>
        firsts.filter((finding) => severityOf(finding) === severity);
      const ordered = [
        ...bySeverity('suspicious'),
        ...bySeverity('unknown'),
        ...all.flatMap((ofCode) => ofCode.slice(1)),
      ];
      return ordered.slice(0, FINDINGS_MAX);
    },
  };
}
