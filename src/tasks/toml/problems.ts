/** One thing that is wrong with a task. */
export interface Problem {
  /** The field, as in `steps[0].agent.timeout_sec`, or the file's path in the task's folder. */
  field: string;
  /** One whole sentence: field, value, what was expected. */
  message: string;
  /** Line of `task.toml`, from 1. */
  line?: number;
}

/** A task that does not keep to the format. `problems` holds all that was found, not only the first. */
export class TaskFormatError extends Error {
  override readonly name = 'TaskFormatError';
  /** The file or folder that was read. */
  readonly file: string;
  readonly problems: readonly Problem[];
  /** Where the first problem is, from 1; missing where it is no matter of a line. */
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(
    file: string,
    problems: readonly Problem[],
    options: { column?: number; cause?: unknown } = {},
  ) {
    const { column, cause } = options;
    const at = ({ line }: Problem) => [file, line, column].filter((part) => part !== undefined).join(':');
    super(
      problems.map((problem) => `${at(problem)}: ${problem.message}`).join('\n'),
      cause === undefined ? {} : { cause },
    );
    this.file = file;
    this.problems = problems;
    this.line = problems[0]?.line;
    this.column = column;
  }
}

/** Keys and indexes from the document's root to a value. */
export type Path = readonly (string | number)[];

/** `['steps', 0, 'agent']` → `steps[0].agent`. */
export function fieldName(path: Path): string {
  return path
    .map((part) => {
      if (typeof part === 'number') return `[${part}]`;
      return `.${/^[\w-]+$/.test(part) ? part : JSON.stringify(part)}`;
    })
    .join('')
    .replace(/^\./, '');
}

const SHOWN = 80;

/** A value as a problem report shows it. */
export function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  const text = JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'bigint' ? String(item) : item,
  );
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
