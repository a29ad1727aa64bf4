/** Bad tasks on purpose: a good one with one thing wrong, and what `sb task check` must say of it. */

export interface BadTask {
  /** What is wrong, in words. */
  what: string;
  /** In place of the good task's files, or beside them; undefined leaves one out. */
  files?: Record<string, string | Uint8Array | undefined>;
  /** What no list of files can say. */
  make?: (folder: string) => void;
  /** Name of the task's folder. */
  name?: string;
  /** File or folder that the finding is about, below the task's. */
  at: string;
  /** What the sentence says. */
  says: RegExp;
}

/** Its last table is `[environment]`, which further keys belong to. */
export const GOOD_TOML = 'schema_version = "1.4"\n\n[agent]\nuser = "agent"\n\n[environment]\ncpus = 1\n';
const toml = (more: string): Record<string, string> => ({ 'task.toml': `${GOOD_TOML}${more}\n` });
export const utf16 = (text: string): Uint8Array =>
  Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);

/** A field of task.toml that is refused. */
export const field = (what: string, more: string, says: RegExp): BadTask => ({
  what,
  files: toml(more),
  at: 'task.toml',
  says,
});
export const whole = (what: string, text: string | Uint8Array, says: RegExp): BadTask => ({
  what,
  files: { 'task.toml': text },
  at: 'task.toml',
  says,
});
