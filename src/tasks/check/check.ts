/** `sb task check`: all problems of all tasks in one run. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { findCandidates } from '../folder/find.ts';
import { inParallel } from '../../async/in-parallel.ts';
import { byText } from '../../text/figures.ts';
import { problemsOf } from '../folder/problems.ts';
import { rulesFor, type LintMessage, type Wish } from './rules.ts';
import { lintTask } from './task.ts';

interface CheckOptions extends Wish {
  /** Every rule, and warnings fail. */
  strict: boolean;
  /** Only what keeps the task from running, and what the agent could do to its reward. */
  integrity?: boolean;
  cwd: string;
}

export interface CheckReport {
  /** Task folders that were looked at. */
  tasks: number;
  /** By path, line, column, rule. */
  messages: LintMessage[];
  /** The exit code is 1: an error, a warning with --strict, or a rule that was asked for. */
  failed: boolean;
  /** What paths are printed relative to. */
  cwd: string;
}

const PARALLEL = 8;

/** Checks every task at or below the paths. Throws for a path that is not there. */
export async function checkTasks(paths: readonly string[], options: CheckOptions): Promise<CheckReport> {
  const { strict, cwd, select = [], extendSelect = [] } = options;
  const folders = new Set<string>();
  const messages: LintMessage[] = [];
  for (const path of paths) {
    const found = await tasksBelow(resolve(cwd, path));
    for (const folder of found.folders) folders.add(folder);
    messages.push(...found.messages);
  }
  const linted = await inParallel([...folders], (folder) => messagesIn(folder, options), { width: PARALLEL });
  messages.push(...linted.flat());
  const asked = new Set<string>([...select, ...extendSelect]);
  const fails = ({ severity, rule }: LintMessage): boolean =>
    strict || severity === 'error' || asked.has(rule) || asked.has('ALL');
  return { tasks: folders.size, messages: messages.sort(inOrder), failed: messages.some(fails), cwd };
}

const inOrder = (a: LintMessage, b: LintMessage): number =>
  byText(a.path, b.path) ||
  (a.line ?? 0) - (b.line ?? 0) ||
  (a.column ?? 0) - (b.column ?? 0) ||
  byText(a.rule, b.rule) ||
  byText(a.message, b.message);

const unusable = (path: string, message: string): LintMessage => ({
  rule: 'invalid-task-files',
  severity: 'error',
  path,
  message,
});

async function tasksBelow(path: string): Promise<{ folders: string[]; messages: LintMessage[] }> {
  // Rejects where there is nothing of that name.
  if (!(await stat(path)).isDirectory())
    return {
      folders: [],
      messages: [unusable(path, 'is not a folder; expected a task folder, or one that holds tasks')],
    };
  const found = await Array.fromAsync(findCandidates(path));
  if (found.length === 0)
    return {
      folders: [],
      messages: [unusable(path, 'holds no task; expected a folder with a task.toml in it, at any depth')],
    };
  return {
    folders: found.flatMap((one) => ('problems' in one ? [] : [one.folder])),
    messages: found.flatMap((one) =>
      'problems' in one ? one.problems.map(({ file, message }) => unusable(file, message)) : [],
    ),
  };
}

/** What was found in a folder of the rules that are looked for there. */
async function messagesIn(folder: string, options: CheckOptions): Promise<LintMessage[]> {
  const { messages, document } = await lintTask(folder).catch((error: unknown) => ({
    messages: problemsOf(folder, error).map(({ message }) => unusable(folder, message)),
    document: {},
  }));
  const rules = rulesFor(folder, document, options);
  return messages.filter(({ rule }) => rules.has(rule));
}
