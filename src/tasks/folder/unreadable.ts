/** Why a file or folder could not be read, in words. */

const REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOENT: 'it is gone',
  ELOOP: 'its links form a loop',
  EIO: 'the disk reports an error',
  EMFILE: 'too many files are open',
};

export interface FileError extends Error {
  code: string;
  path?: string;
}

export const isFileError = (error: unknown): error is FileError =>
  error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';

/** A sentence that goes on after the name of what was read. Throws what is no error of the file system. */
export function unreadable(error: unknown): string {
  if (!isFileError(error)) throw error;
  return `cannot be read: ${REASONS[error.code] ?? error.code}`;
}
