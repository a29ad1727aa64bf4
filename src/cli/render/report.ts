import { relative } from 'node:path';
import type { CheckReport } from '../../tasks/check/check.ts';
import type { LintMessage } from '../../tasks/check/rules.ts';
import type { CheckMessage } from '../../client/documents/task.ts';
import { grouped } from '../../tasks/folder/problems.ts';
import type { OutputFormat, Terminal } from '../types.ts';
import { printDocument } from './output.ts';
import { safeJson, safeLine } from '../../text/safe.ts';
import { style } from './style.ts';

/** Messages on stdout, a line each as compilers print them, where ten or fewer have one cause; how many there are on stderr. Documents have all. */
export async function printReport(
  terminal: Terminal,
  format: OutputFormat,
  report: CheckReport,
): Promise<void> {
  const { messages, tasks, cwd } = report;
  const documents = messages.map((said) => documentOf(said, cwd));
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, documents);
  if (format === 'jsonl') return terminal.out(documents.map((one) => `${safeJson(one)}\n`).join(''));
  const styles = style({ color: terminal.color && terminal.outIsTTY });
  const line = ({ path, line: row, column, severity, message, rule }: CheckMessage): string => {
    const at = [path, row, column].filter((part) => part !== null).join(':');
    const word = severity === 'error' ? styles.bad(severity) : styles.warn(severity);
    return `${styles.strong(safeLine(at))}: ${word}: ${safeLine(message)} ${styles.faint(`[${rule}]`)}`;
  };
  const cause = ({ message, rule }: CheckMessage): string => `${safeLine(message)} [${rule}]`;
  terminal.out(
    grouped(documents, { cause, line })
      .map((one) => `${one}\n`)
      .join(''),
  );
  terminal.err(`${summary(tasks, messages)}\n`);
}

const documentOf = (
  { rule, severity, path, line, column, message }: LintMessage,
  cwd: string,
): CheckMessage => ({
  rule,
  severity,
  path: relative(cwd, path) || '.',
  message,
  line: line ?? null,
  column: column ?? null,
});

function summary(tasks: number, messages: readonly LintMessage[]): string {
  const errors = messages.filter(({ severity }) => severity === 'error').length;
  const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
  return `${count(tasks, 'task')}: ${count(errors, 'error')}, ${count(messages.length - errors, 'warning')}`;
}
