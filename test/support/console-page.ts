/** Pages whose ```console blocks hold commands (`$ `, continued by `> `) and what they printed: run again, printed anew. */

const BLOCK = /^```console(?: (.*?))?\n(.*?)^```$/gms;

export interface ConsoleBlock {
  /** Each with its lines as written. */
  commands: string[];
  /** What follows `console` on the block's first line, which readers do not see: `until="2 running"`. */
  directions: Record<string, string>;
}

function commandsOf(block: string): string[] {
  const commands: string[][] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('$ ')) commands.push([line.slice(2)]);
    else if (line.startsWith('> ') || line === '>') commands.at(-1)?.push(line.slice(2));
  }
  return commands.map((lines) => lines.join('\n'));
}

const directionsOf = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/(\w+)="(.*?)"/g)].map(([, name = '', value = '']) => [name, value]));

/** The page with what `record` makes of each block, one after the other, in the place of what is there. */
export async function recordedBlocks(
  page: string,
  record: (block: ConsoleBlock) => Promise<string[]>,
): Promise<string> {
  const parts: string[] = [];
  let from = 0;
  for (const { 0: whole, 1: said, 2: block = '', index } of page.matchAll(BLOCK)) {
    const lines = await record({ commands: commandsOf(block), directions: directionsOf(said ?? '') });
    const first = said === undefined ? '```console' : `\`\`\`console ${said}`;
    parts.push(page.slice(from, index), [first, ...lines, '```'].join('\n'));
    from = index + whole.length;
  }
  return [...parts, page.slice(from)].join('');
}

const written = (command: string): string[] => {
  const [first = '', ...more] = command.split('\n');
  return [`$ ${first}`, ...more.map((line) => `> ${line}`.trimEnd())];
};

/** The page with what `run` says of each command, one after the other, in the place of what is there. A line that begins like a command is not to be printed. */
export const recorded = (page: string, run: (command: string) => Promise<string>): Promise<string> =>
  recordedBlocks(page, async ({ commands }) => {
    const lines: string[] = [];
    for (const command of commands) {
      const output = (await run(command)).trimEnd();
      lines.push(...written(command), ...(output === '' ? [] : [output]));
    }
    return lines;
  });
