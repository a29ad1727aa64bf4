/** Variables that a run hands to its containers, and which of them nobody may read in a manifest. */
import { CliError } from '../../failures/error.ts';

export type Variables = Record<string, string>;

/** What the API takes. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const MAX_VALUE = 32_768;

/** Throws CliError SB-E035 for what no container can be given; the value is not told. `from` is the flag or file that it comes from. */
export function checkVariable(name: string, value: string, from: string): void {
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

/** `['KEY=VALUE', …]` of a flag → a table; the last of a name wins. Throws CliError SB-E035; the message has no value in it. */
export function parseAssignments(assignments: readonly string[], flag: string): Variables {
  return Object.fromEntries(
    assignments.map((assignment) => {
      const at = assignment.indexOf('=');
      if (at < 1)
        throw new CliError('SB-E035', {
          what: `cannot use a value of ${flag}`,
          why: at < 0 ? `it has no "=": ${assignment.slice(0, 3)}…` : 'it begins with "="',
          fix: `${flag} KEY=VALUE, or ${flag} 'KEY=\${KEY}' to take the value from this shell`,
        });
      const [name, value] = [assignment.slice(0, at), assignment.slice(at + 1)];
      checkVariable(name, value, flag);
      return [name, value];
    }),
  );
}

const SECRET_NAME = /KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|PRIVATE|COOKIE|SESSION|CERT|DSN/i;
/** Tokens of well-known makers, private keys, URLs with a password. */
const SECRET_VALUE =
  /^(sk-|gh[opsu]_|github_pat_|glpat-|xox[abeprs]-|AKIA|ASIA|AIza|hf_|npm_|eyJ)|-----BEGIN|:\/\/[^/\s:@]*:[^/\s@]+@/;

/** Whether a variable looks like something that does not belong into a manifest. One too many in the Secret harms nobody. */
export const looksSecret = (name: string, value: string): boolean =>
  SECRET_NAME.test(name) || SECRET_VALUE.test(value);
