/** The courier's timeline: on its stdout at once, in `trial.log` at the end. */
import { scrubber } from './scrub.ts';

const URL_QUERY = /(https?:\/\/[^\s?"']+)\?[^\s"']+/g;
const KEPT_MAX_CHARS = 1024 * 1024;

/** Presigned URLs without what makes them work. */
export const redact = (text: string): string => text.replace(URL_QUERY, '$1?…');

export interface TrialLog {
  note: (line: string) => void;
  /** Everything noted so far, one line an entry. */
  text: () => string;
  /** A text without secrets, in whatever form, and without what makes URLs work. */
  clean: (text: string) => string;
}

export function trialLog(options: {
  now: () => Date;
  write: (line: string) => void;
  secrets: readonly string[];
}): TrialLog {
  let kept = '';
  const scrub = scrubber(options.secrets);
  const clean = (text: string): string => redact(scrub.text(text));
  return {
    note(line) {
      const entry = `${options.now().toISOString()} ${clean(line).replaceAll('\n', '\n  ')}\n`;
      options.write(entry);
      if (kept.length + entry.length <= KEPT_MAX_CHARS) kept += entry;
    },
    text: () => kept,
    clean,
  };
}
