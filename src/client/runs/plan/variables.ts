/** Variables that a run hands to its containers, and which of them nobody may read in a manifest. */
import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { quoted } from '../../../text/safe.ts';
import { CliError } from '../../failures/error.ts';

export type Variables = Record<string, string>;

/** What the API takes. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const MAX_VALUE = 32_768;

/** Throws CliError SB-E035 for what no container can be given; the value is not told. `from` is the flag or file that it comes from. */
function checkVariable(name: string, value: string, from: string): void {
  const fault = faultOf(name, value);
  if (fault === undefined) return;
  throw new CliError('SB-E035', {
    what: `cannot use the variable ${JSON.stringify(name.slice(0, 40))} of ${from}`,
    why: fault,
    fix: 'give KEY=VALUE, with a KEY of letters, digits and underscores that does not begin with a digit',
  });
}

function faultOf(name: string, value: string): string | undefined {
  if (!NAME.test(name)) return 'its name is not the name of a variable';
  if (value.length > MAX_VALUE)
    return `its value has ${value.length} characters; expected at most ${MAX_VALUE}`;
  return value.includes('\0') ? 'its value has a NUL character' : undefined;
}

/** `['KEY=VALUE', 'NAME', …]` of a flag → a table; a name alone is the caller's variable of that name, and the last of a name wins. Throws CliError SB-E035; the message has no value in it. */
export function parseAssignments(assignments: readonly string[], flag: string): Variables {
  return Object.fromEntries(
    assignments.map((assignment) => {
      const at = assignment.indexOf('=');
      if (NAME.test(assignment)) return [assignment, `\${${assignment}}`];
      if (at < 1)
        throw new CliError('SB-E035', {
          what: `cannot use a value of ${flag}`,
          why:
            at < 0
              ? `it is no name of a variable and has no "=": ${assignment.slice(0, 3)}…`
              : 'it begins with "="',
          fix: `${flag} KEY=VALUE, or ${flag} KEY to take the value from this shell`,
        });
      const [name, value] = [assignment.slice(0, at), assignment.slice(at + 1)];
      checkVariable(name, value, flag);
      return [name, value];
    }),
  );
}

/** `--env-file`: the variables of all files; those of a later one go before. Throws as `readEnvFile` does. */
export async function readEnvFiles(files: readonly string[] = []): Promise<Variables> {
  const read = await Promise.all(files.map(readEnvFile));
  return Object.fromEntries(read.flatMap((variables) => Object.entries(variables)));
}

/** Reads `KEY=VALUE` lines with quotes, comments and `export` as Node's --env-file has them. Throws CliError SB-E013 and SB-E035. */
async function readEnvFile(file: string): Promise<Variables> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`;
    throw new CliError('SB-E013', { what: `cannot read ${file}`, why, fix: `ls -l ${quoted(file)}`, cause });
  }
  const variables = Object.entries(parseEnv(text.replace(/^\ufeff/, ''))).map(
    ([name, value = '']) => [name, value] as const,
  );
  for (const [name, value] of variables) checkVariable(name, value, file);
  return Object.fromEntries(variables);
}

const SECRET_NAME = /KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|PRIVATE|COOKIE|SESSION|CERT|DSN/i;
/** Tokens of well-known makers, private keys, URLs with a password. */
const SECRET_VALUE =
  /^(sk-|gh[opsu]_|github_pat_|glpat-|xox[abeprs]-|AKIA|ASIA|AIza|hf_|npm_|eyJ)|-----BEGIN|:\/\/[^/\s:@]*:[^/\s@]+@/;

/** Whether a variable looks like something that does not belong into a manifest. One too many in the Secret harms nobody. */
export const looksSecret = (name: string, value: string): boolean =>
  SECRET_NAME.test(name) || SECRET_VALUE.test(value);
