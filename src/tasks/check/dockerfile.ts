/** Rules about Dockerfiles. */
import { posix } from 'node:path';
import { quoted } from '../../text/safe.ts';
import { commandMessages } from './commands.ts';
import { isPinned } from './config.ts';
import type { RuleName } from './rules.ts';
import { logicalLines, words } from './shell.ts';

interface DockerfileMessage {
  rule: RuleName;
  line: number;
  message: string;
}

/** `agent`: the image is the agent's, who must not see the tests. */
export function dockerfileMessages(text: string, { agent }: { agent: boolean }): DockerfileMessage[] {
  const stages = new Set<string>();
  return [...instructionsOf(text)].flatMap(({ line, instruction, value }) => {
    const args = argumentsOf(value);
    return args
      ? instructionMessages({ instruction, value, args }, { agent, stages }).map((one) => ({
          ...one,
          line,
        }))
      : [];
  });
}

/** Each instruction of a Dockerfile, in capitals, with its flags and what follows them. */
function* instructionsOf(
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

function instructionMessages(
  { instruction, value, args }: Instruction,
  { agent, stages }: { agent: boolean; stages: Set<string> },
): Omit<DockerfileMessage, 'line'>[] {
  if (instruction === 'FROM') return fromMessages(args, stages);
  if (instruction === 'RUN')
    return commandMessages(value.startsWith('[') ? args.map(quoted).join(' ') : value, { separate: false });
  return agent && (instruction === 'COPY' || instruction === 'ADD') ? leaks(args.slice(0, -1)) : [];
}

/** Words of an instruction, in either of its forms. */
function argumentsOf(value: string): string[] | undefined {
  if (!value.startsWith('[')) return words(value);
  try {
    const list: unknown = JSON.parse(value);
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

function fromMessages(
  [image = '', as = '', name]: readonly string[],
  stages: Set<string>,
): Omit<DockerfileMessage, 'line'>[] {
  const own = stages.has(image.toLowerCase());
  if (as.toUpperCase() === 'AS' && name !== undefined) stages.add(name.toLowerCase());
  if (own || isPinned(image)) return [];
  const message = `the image "${image}" may become another at any time; expected image@sha256:<digest>`;
  return [{ rule: 'unpinned-image', message }];
}

/** What an agent must not see; that it is in an image is told, be it there or not. */
const HIDDEN = /(?:^|\/)(?:solution\/solve\.sh|tests\/(?:test\.sh|test_[^/]+\.py))$/;

const leaks = (sources: readonly string[]): Omit<DockerfileMessage, 'line'>[] =>
  sources
    .filter((source) => HIDDEN.test(source))
    .slice(0, 1)
    .map((source) => ({
      rule: 'agent-image-test-leak',
      message: `${source} is put into the agent's image; expected tests and solution to stay out of it`,
    }));

export interface BuildContext {
  /** Files, links and empty folders, relative to the context. */
  paths: readonly string[];
  /** False where there is more in it than could be read. */
  isWhole: boolean;
  /** Text of its `.dockerignore`. */
  ignored: string;
}

/**
 * Each source of COPY and ADD that the context does not have. What only the build knows is left alone: other stages and images, URLs,
 * here-documents, variables. So are patterns, since BuildKit copies nothing where nothing fits one.
 */
export function missingSources(text: string, { paths, isWhole, ignored }: BuildContext): DockerfileMessage[] {
  // Patterns with sets and escapes, and another character to escape with, are beyond this.
  if (!isWhole || /[[\\]/.test(ignored) || /^\s*#\s*escape\s*=/im.test(text)) return [];
  const isLeftOut = dockerignore(ignored);
  // A folder of which all that is in it is left out is there, empty.
  const all = withFolders(paths);
  const present = withFolders([...all].filter((path) => !isLeftOut(path)));
  return [...instructionsOf(text)].flatMap(({ line, instruction, flags, value }) =>
    sourcesOf({ instruction, flags, value })
      .filter((source) => !has({ all, present }, source) && !HIDDEN.test(source))
      .map((source) => ({ rule: 'missing-copy-source', line, message: messageOf(source) })),
  );
}

const messageOf = (source: string): string =>
  `${JSON.stringify(source)} is not in the build context; expected a file or folder of environment/ that .dockerignore does not leave out`;

interface Copy {
  instruction: string;
  flags: readonly string[];
  value: string;
}

function sourcesOf({ instruction, flags, value }: Copy): string[] {
  const copies = instruction === 'COPY' || instruction === 'ADD';
  if (!copies || flags.some((flag) => /^--from=/i.test(flag))) return [];
  return (argumentsOf(value) ?? [])
    .slice(0, -1)
    .filter((source) => !/^$|:\/\/|^git@|^<<|[$*?[\\"']/.test(source));
}

/** The paths and every folder above them. */
function withFolders(paths: readonly string[]): Set<string> {
  const all = new Set<string>();
  for (const path of paths) for (let at = path; at !== '.'; at = posix.dirname(at)) all.add(at);
  return all;
}

function has(context: Record<'all' | 'present', ReadonlySet<string>>, source: string): boolean {
  // Nothing is above a context: what climbs out of it ends at its root.
  const path = posix.normalize(`/${source}`).replace(/\/$/, '').slice(1);
  if (path === '' || context.present.has(path)) return true;
  // Behind what is no folder here a link may lead to one.
  const above = posix.dirname(path);
  const isFolder = [...context.all].some((one) => one.startsWith(`${above}/`));
  return above !== '.' && has(context, above) && !isFolder;
}

/** Whether `.dockerignore` leaves a path out. The last pattern that fits it or a folder above it decides, whatever came before. */
function dockerignore(text: string): (path: string) => boolean {
  const rules = text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => ({
      keeps: line.trim().startsWith('!'),
      pattern: patternOf(line.trim().replace(/^!\s*/, '')),
    }));
  return (path) => {
    const prefixes = [...withFolders([path])];
    const last = rules.findLast(({ pattern }) => prefixes.some((prefix) => pattern.test(prefix)));
    return last !== undefined && !last.keeps;
  };
}

const STARS: Record<string, string> = { '*': '[^/]*', '?': '[^/]' };

/** `*` and `?` stay within a name; `**` is folders, or at the end all below them. */
function patternOf(text: string): RegExp {
  const path = posix.normalize(`/${text}`).replace(/\/$/, '').slice(1);
  const source = path.replace(/\*\*\/?|[*?]|[.+^${}()|\]]/g, (part, at: number) => {
    if (part.startsWith('**')) return at + part.length === path.length ? '.*' : '(?:.*/)?';
    return STARS[part] ?? `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}
