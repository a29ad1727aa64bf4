/** Why a Trial or Sandbox is where it is, as people and programs read it. */
import type { SandboxExplanation } from '../../client/documents/sandbox.ts';
import type { Explanation } from '../../client/documents/trial.ts';
import { safeJson, safeLine } from '../../text/safe.ts';
import type { OutputFormat, Terminal } from '../types.ts';
import { printDocument } from './output.ts';
import { style } from './style.ts';

export async function printExplanation(
  terminal: Terminal,
  explanation: Explanation | SandboxExplanation,
  format: OutputFormat,
): Promise<void> {
  const name = 'trial' in explanation ? explanation.trial : explanation.sandbox;
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, explanation);
  if (format === 'jsonl') return terminal.out(`${safeJson(explanation)}\n`);
  if (format === 'name') return terminal.out(`${name}\n`);
  const { strong, faint } = style({ color: terminal.color && terminal.outIsTTY });
  const { where, why, next } = explanation;
  const log = 'log' in explanation ? explanation.log : undefined;
  const lines = [
    strong(safeLine(`${name} ${where}`)),
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
