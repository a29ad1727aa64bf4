import { printDocument } from './output.ts';
import { safe, safeLine } from '../../text/safe.ts';
import { style, type Style } from './style.ts';
import type { OutputFormat, Terminal } from '../types.ts';
import type { Diagnosis, CheckResult } from '../../client/documents/cluster.ts';

type State = CheckResult['state'];

const MARK: Record<State, readonly [mark: string, style: keyof Style]> = {
  fine: ['✓', 'good'],
  warning: ['!', 'warn'],
  problem: ['✗', 'bad'],
  skipped: ['-', 'faint'],
};

/** The results on stdout, a line each with what to do under it; how many there are on stderr. */
export async function printDiagnosis(
  terminal: Terminal,
  format: OutputFormat,
  diagnosis: Diagnosis,
): Promise<void> {
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, diagnosis);
  const styles = style({ color: terminal.color && terminal.outIsTTY });
  terminal.out(diagnosis.results.map((result) => linesOf(result, styles)).join(''));
  terminal.err(`${closingLine(diagnosis.results)}\n`);
}

/** `✗ check: what: why`, and the fix under it as it is to be typed. */
function linesOf({ check, state, what, why, fix, manifest, code }: CheckResult, styles: Style): string {
  const [mark, name] = MARK[state];
  const text = safeLine(why === undefined ? what : `${what}: ${why}`);
  const page = code === undefined ? '' : ` ${styles.faint(`[${code}]`)}`;
  const head = `${styles[name](mark)} ${styles.strong(check)}: ${text}${page}\n`;
  return head + (fix === undefined ? '' : indented(fix)) + (manifest === undefined ? '' : applied(manifest));
}

const indented = (text: string): string =>
  safe(text)
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}\n`)
    .join('');

/** Not indented, so that it works when it is copied. */
const applied = (manifest: string): string =>
  `    kubectl apply -f - <<'EOF'\n${safe(manifest).trimEnd()}\nEOF\n`;

function closingLine(results: readonly CheckResult[]): string {
  const count = (state: State): number => results.filter((result) => result.state === state).length;
  const parts = [
    [count('problem'), 'wrong'],
    [count('warning'), 'to look at'],
    [count('skipped'), 'not checked'],
    [count('fine'), 'fine'],
  ] as const;
  return parts.flatMap(([number, word]) => (number > 0 ? [`${number} ${word}`] : [])).join(', ');
}
