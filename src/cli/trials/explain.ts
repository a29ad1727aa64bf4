import { printDocument } from '../render/output.ts';
import { safeJson, safeLine } from '../../text/safe.ts';
import { style } from '../render/style.ts';
import type { Explanation } from '../../client/documents/trial.ts';
import type { OutputFormat, Terminal } from '../types.ts';

export async function printExplanation(
  terminal: Terminal,
  explanation: Explanation,
  format: OutputFormat,
): Promise<void> {
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, explanation);
  if (format === 'jsonl') return terminal.out(`${safeJson(explanation)}\n`);
  if (format === 'name') return terminal.out(`${explanation.trial}\n`);
  const { strong, faint } = style({ color: terminal.color && terminal.outIsTTY });
  const { trial, where, why, next, log } = explanation;
  const lines = [
    strong(safeLine(`${trial} ${where}`)),
    ...why.map((line) => `  ${safeLine(line)}`),
    ...(log
      ? [
          faint(`  end of ${safeLine(log.title)}:`),
          ...log.lines.map((line) => faint(`  | ${safeLine(line)}`)),
        ]
      : []),
    ...(next.length > 0 ? ['do next:'] : []),
    ...next.map((line) => `  ${stepLine(line)}`),
  ];
  terminal.out(lines.map((line) => `${line}\n`).join(''));
}

/** A remark behind a command is a comment for the shell: the line can be pasted as it is. */
function stepLine(line: string): string {
  const [, command = line, remark] = /^(.*\S) {4}\((.*)\)$/.exec(line) ?? [];
  return remark === undefined ? safeLine(line) : `${safeLine(command)}    # ${safeLine(remark)}`;
}
