/** Rules about Dockerfiles. */
import { quoted } from '../../text/safe.ts';
import { commandFindings } from './commands.ts';
import { isPinned } from './config.ts';
import type { RuleName } from './rules.ts';
import { logicalLines, words } from './shell.ts';

export interface DockerfileFinding {
  rule: RuleName;
  line: number;
  message: string;
}

/** `agent`: the image is the agent's, who must not see the tests. */
export function dockerfileFindings(text: string, { agent }: { agent: boolean }): DockerfileFinding[] {
  const stages = new Set<string>();
  return [...instructionsOf(text)].flatMap(({ line, instruction, value }) => {
    const args = argumentsOf(value);
    return args
      ? instructionFindings({ instruction, value, args }, { agent, stages }).map((finding) => ({
          ...finding,
          line,
        }))
      : [];
  });
}

/** Each instruction of a Dockerfile, in capitals, with its flags and what follows them. */
export function* instructionsOf(
  text: string,
): Generator<{ line: number; instruction: string; flags: string[]; value: string }> {
  for (const { line, text: statement } of logicalLines(text)) {
    const [, instruction = '', flags = '', value = ''] =
      /^\s*(\S+)\s+((?:--\S+\s+)*)(.*)$/s.exec(statement) ?? [];
    yield { line, instruction: instruction.toUpperCase(), flags: flags.split(/\s+/).filter(Boolean), value };
  }
}

interface Instruction {
  instruction: string;
  value: string;
  args: string[];
}

function instructionFindings(
  { instruction, value, args }: Instruction,
  { agent, stages }: { agent: boolean; stages: Set<string> },
): Omit<DockerfileFinding, 'line'>[] {
  if (instruction === 'FROM') return fromFindings(args, stages);
  if (instruction === 'RUN')
    return commandFindings(value.startsWith('[') ? args.map(quoted).join(' ') : value, { separate: false });
  return agent && (instruction === 'COPY' || instruction === 'ADD') ? leaks(args.slice(0, -1)) : [];
}

/** Words of an instruction, in either of its forms. */
export function argumentsOf(value: string): string[] | undefined {
  if (!value.startsWith('[')) return words(value);
  try {
    const list: unknown = JSON.parse(value);
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

function fromFindings(
  [image = '', as = '', name]: readonly string[],
  stages: Set<string>,
): Omit<DockerfileFinding, 'line'>[] {
  const own = stages.has(image.toLowerCase());
  if (as.toUpperCase() === 'AS' && name !== undefined) stages.add(name.toLowerCase());
  if (own || isPinned(image)) return [];
  const message = `the image "${image}" may become another at any time; expected image@sha256:<digest>`;
  return [{ rule: 'unpinned-image', message }];
}

/** What an agent must not see; that it is in an image is told, be it there or not. */
export const HIDDEN = /(?:^|\/)(?:solution\/solve\.sh|tests\/(?:test\.sh|test_[^/]+\.py))$/;

const leaks = (sources: readonly string[]): Omit<DockerfileFinding, 'line'>[] =>
  sources
    .filter((source) => HIDDEN.test(source))
    .slice(0, 1)
    .map((source) => ({
      rule: 'agent-image-test-leak',
      message: `${source} is put into the agent's image; expected tests and solution to stay out of it`,
    }));
