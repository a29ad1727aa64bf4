/** `task.toml` → TaskConfig. */
import { parse, TomlError } from 'smol-toml';
import type { TomlTable } from 'smol-toml';
import Value from 'typebox/value';
import { valueAt } from '../../crds/schema-errors.ts';
import { modernise } from './aliases.ts';
import { checkNul, isTooDeep, MAX_DEPTH } from './bounds.ts';
import { lineFinder } from './lines.ts';
import { misfits } from './misfits.ts';
import { readNumbers, type Schema } from './numbers.ts';
import { fieldName, TaskFormatError } from './problems.ts';
import type { Path, Problem } from './problems.ts';
import { checkRules } from './rules.ts';
import { TaskConfig } from './schema.ts';

/** A `task.toml` as far as it can be used. */
export interface ReadConfig {
  /** With what does not fit left out; missing where too little remains. */
  config?: TaskConfig;
  problems: Problem[];
}

/**
 * Reads a `task.toml` as Harbor 0.25 does: deprecated names become today's, defaults are filled in, unknown keys stay where they are.
 * Throws TaskFormatError with every problem found.
 */
export function parseTaskToml(text: string, file = 'task.toml'): TaskConfig {
  const { config, problems } = readTaskToml(text, file);
  if (!config || problems.length > 0) throw new TaskFormatError(file, problems);
  return config;
}

/** The same for whoever has something to say about the rest, too. Throws TaskFormatError where the text is no TOML. */
export function readTaskToml(text: string, file = 'task.toml'): ReadConfig {
  const document = parseToml(text, file);
  if (isTooDeep(document)) {
    const message = `nested deeper than ${MAX_DEPTH} tables and lists; expected a flatter one`;
    throw new TaskFormatError(file, [{ field: '', message }]);
  }
  const lineOf = lineFinder(text);
  const problems: Problem[] = [];
  const report = (path: Path, rest: string): void => {
    const field = fieldName(path);
    if (problems.some((known) => known.field === field)) return;
    const line = lineOf(path) ?? (field === 'schema_version' ? lineOf(['version']) : undefined);
    problems.push({ field, message: `${field} ${rest}`, ...(line !== undefined && { line }) });
  };

  modernise(document, report);
  readNumbers(document, TaskConfig as Schema);
  const config = Value.Default(TaskConfig, document) as TaskConfig;
  for (const misfit of misfits(TaskConfig, config)) {
    report(misfit.path, misfit.rest);
    remove(config, misfit.path);
  }
  // The rules read typed values: they have a say where defaults can stand in for what did not fit.
  const fits = Value.Check(TaskConfig, Value.Default(TaskConfig, config));
  if (fits) {
    checkRules(config, report);
    checkNul(config, report);
  }
  return { problems: inOrder(problems), ...(fits && { config }) };
}

/** What Harbor's rules say to values that fit the schema; a file of them has no lines to point at. */
export function configProblems(config: TaskConfig): Problem[] {
  const problems: Problem[] = [];
  checkRules(config, (path, rest) => {
    const field = fieldName(path);
    problems.push({ field, message: `${field} ${rest}` });
  });
  return problems;
}

const inOrder = (problems: Problem[]): Problem[] => problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));

function parseToml(text: string, file: string): TomlTable {
  try {
    return parse(text, { integersAsBigInt: 'asNeeded' });
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    // The first line names the fault; the others repeat the source.
    const reason = cause.message.split('\n', 1)[0]?.replace(/^Invalid TOML document: /, '') ?? '';
    const { line, column } = cause;
    throw new TaskFormatError(file, [{ field: '', line, message: `not valid TOML: ${reason}` }], {
      column,
      cause,
    });
  }
}

function remove(root: unknown, path: Path): void {
  const parent = valueAt(root, path.slice(0, -1)) as Record<string | number, unknown> | undefined;
  const key = path.at(-1);
  if (parent !== undefined && key !== undefined) delete parent[key];
}
