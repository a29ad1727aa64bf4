/** The courier's timeline: on its stdout at once, in `trial.log` at the end. */

const URL_QUERY = /(https?:\/\/[^\s?"']+)\?[^\s"']+/g;
/** Shorter values would tear holes into ordinary words. */
const SECRET_MIN_LENGTH = 6;
const KEPT_MAX_CHARS = 1024 * 1024;

/** Presigned URLs without what makes them work, and without the values of secrets. */
export function redact(text: string, secrets: readonly string[] = []): string {
  const known = secrets.filter(({ length }) => length >= SECRET_MIN_LENGTH);
  return known.reduce((clean, secret) => clean.replaceAll(secret, '***'), text).replace(URL_QUERY, '$1?…');
}

export interface TrialLog {
  note: (line: string) => void;
  /** Everything noted so far, one line an entry. */
  text: () => string;
  /** A text without secrets. */
  clean: (text: string) => string;
}

export function trialLog(options: {
  now: () => Date;
  write: (line: string) => void;
  secrets: readonly string[];
}): TrialLog {
  let kept = '';
  const clean = (text: string): string => redact(text, options.secrets);
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
