/** `--env-file`: variables, one a line. */
import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { CliError } from '../../failures/error.ts';
import { quoted } from '../../../text/safe.ts';
import { checkVariable, type Variables } from './variables.ts';

/** The variables of all files; those of a later one go before. Throws as `readEnvFile` does. */
export async function readEnvFiles(files: readonly string[] = []): Promise<Variables> {
  const read = await Promise.all(files.map(readEnvFile));
  return Object.fromEntries(read.flatMap((variables) => Object.entries(variables)));
}

/** Reads `KEY=VALUE` lines with quotes, comments and `export` as Node's --env-file has them. Throws CliError SB-E013 and SB-E035. */
export async function readEnvFile(file: string): Promise<Variables> {
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
