/** What no value of a task.toml may be, whatever its field. */
import type { Report } from './aliases.ts';
import type { Path } from './problems.ts';
import type { TaskConfig } from './schema.ts';

/** Tables and lists within each other; every step of a dotted key is one. */
export const MAX_DEPTH = 100;

const isParent = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !(value instanceof Date);

/** Whether a document is nested deeper than programs that read it by recursion can take. */
export function isTooDeep(document: object): boolean {
  let level: object[] = [document];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap((parent) => Object.values(parent).filter(isParent));
  }
  return false;
}

/** Tables that nothing is made of. */
const UNUSED = new Set(['metadata', 'task', 'source']);

/** Reports texts with a NUL: no path, command or variable can have one. */
export function checkNul(config: TaskConfig, report: Report): void {
  const walk = (value: unknown, path: Path): void => {
    if (typeof value === 'string' && value.includes('\0')) report(path, 'holds a NUL; expected text without');
    if (isParent(value))
      for (const [key, child] of Object.entries(value))
        walk(child, [...path, Array.isArray(value) ? Number(key) : key]);
  };
  for (const [key, child] of Object.entries(config)) if (!UNUSED.has(key)) walk(child, [key]);
}
