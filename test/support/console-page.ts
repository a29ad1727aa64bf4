/** Pages whose ```console blocks hold commands (`$ `, continued by `> `) and what they printed: run again, printed anew. */

const BLOCK = /^```console\n(.*?)^```$/gms;

/** The commands of a block, each with its lines as written. */
function commandsOf(block: string): string[][] {
  const commands: string[][] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('$ ')) commands.push([line.slice(2)]);
    else if (line.startsWith('> ') || line === '>') commands.at(-1)?.push(line.slice(2));
  }
  return commands;
}

const written = ([first = '', ...more]: string[]): string[] => [
  `$ ${first}`,
  ...more.map((line) => `> ${line}`.trimEnd()),
];

/** The page with what `run` says of each command, one after the other, in the place of what is there. A line that begins like a command is not to be printed. */
export async function recorded(page: string, run: (command: string) => Promise<string>): Promise<string> {
  const parts: string[] = [];
  let from = 0;
  for (const { 0: whole, 1: block = '', index } of page.matchAll(BLOCK)) {
    const lines: string[] = [];
    for (const command of commandsOf(block)) {
      const output = (await run(command.join('\n'))).trimEnd();
      lines.push(...written(command), ...(output === '' ? [] : [output]));
    }
    parts.push(page.slice(from, index), ['```console', ...lines, '```'].join('\n'));
    from = index + whole.length;
  }
  return [...parts, page.slice(from)].join('');
}
