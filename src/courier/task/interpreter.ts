/** Pure: how a script wants to be run. */

/** The interpreter that the first line names; undefined where it names none. */
export function interpreterOf(script: string): string | undefined {
  const [, interpreter] = /^#![ \t]*([^ \t\n]+)/.exec(script) ?? [];
  return interpreter;
}

/** `argv` and what sbd must know to run the script at `path`, whose text is `script`, as `bash -c <path>` would. */
export function scriptCommand(
  path: string,
  script: string,
): { argv: string[]; interpreter: string } | { argv: string[]; shell: true } {
  const interpreter = interpreterOf(script);
  return interpreter === undefined ? { argv: [path], shell: true } : { argv: [path], interpreter };
}
