/** One task folder → everything that is wrong with it. */
import { parse, type TomlTable } from 'smol-toml';
import { readFile, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  parseTaskToml,
  readTask,
  readTaskToml,
  refusedOf,
  stripCanary,
  missingParts,
  unrunVerifiers,
  unsupportedFields,
  unsupportedParts,
  type TaskConfig,
  type Unsupported,
} from '../index.ts';
import { COMPOSE_FILE } from '../compose/document.ts';
import { readCompose } from '../folder/compose-source.ts';
import { checkFiles } from '../folder/read.ts';
import type { ReadConfig } from '../toml/parse.ts';
import { readablePaths, walkTask, type Found } from '../folder/walk.ts';
import { textOfFile } from '../folder/text.ts';
import { lineFinder } from '../toml/lines.ts';
import { fieldName, type Problem } from '../toml/problems.ts';
import { problemsOf, type LocatedProblem } from '../folder/problems.ts';
import { configMessages, verificationsOf } from './config.ts';
import { RULES, type LintMessage, type RuleName } from './rules.ts';
import { sourceMessages } from './sources.ts';
import { unknownFields } from './unknown-fields.ts';

/** What was found in a folder, and what its task.toml holds, as far as it could be read. */
interface Linted {
  messages: LintMessage[];
  document: TomlTable;
}

export async function lintTask(folder: string): Promise<Linted> {
  const file = join(folder, 'task.toml');
  const read = await textOfFile(file).catch(() => undefined);
  const text = read ?? '';
  const document = documentOf(text);
  const { config, problems: misfits = [] } = read === undefined ? {} : configOf(read, file);
  const usable = config ?? supposed(document, text);
  const problems = await problemsIn(folder, { document, text, config: usable });
  const told = config ? misfits : undefined;
  const found = usable ? await messagesOf(folder, { config: usable, text, file }, told) : [];
  const unknown = unknownMessages(document, { text, file });
  // A compose file that cannot be read has a rule of its own.
  const others = problems.filter(({ field }) => field !== COMPOSE_FILE);
  const located = others.map((problem) => fromProblem(problem, { text, file }));
  return { messages: [...located, ...unknown, ...found], document };
}

function documentOf(text: string): TomlTable {
  try {
    return parse(text, { integersAsBigInt: 'asNeeded' });
  } catch {
    return {};
  }
}

/** What can be used of a task.toml: a field that does not fit hides nothing of the others. */
function configOf(text: string, file: string): Partial<ReadConfig> {
  try {
    return readTaskToml(text, file);
  } catch {
    return {};
  }
}

/** What a task.toml that is no TOML, or is not there, may be supposed to say, for the files beside it; undefined for one of several steps. */
function supposed(document: TomlTable, text: string): TaskConfig | undefined {
  if (document['steps'] !== undefined || /^\s*(\[\[\s*steps\b|steps\s*=)/m.test(text)) return undefined;
  const usual = parseTaskToml('', 'task.toml');
  const ready = /^\s*docker_image\s*=/m.test(text) && { docker_image: 'one that cannot be read' };
  return { ...usual, environment: { ...usual.environment, ...ready } };
}

interface Supposed {
  document: TomlTable;
  text: string;
  config: TaskConfig | undefined;
}

/** What keeps the folder from being a task. A task.toml that cannot be used does not hide what is wrong with the files. */
async function problemsIn(folder: string, toml: Supposed): Promise<LocatedProblem[]> {
  try {
    await readTask(folder);
    return [];
  } catch (error) {
    const problems = problemsOf(folder, error);
    const ofToml = problems.every(({ file, field }) => file.endsWith('task.toml') || field === 'task.toml');
    const more = ofToml ? await fileProblems(folder, toml).catch(() => []) : [];
    const known = new Set(problems.map(({ message }) => message));
    const others = more.filter(({ message }) => !known.has(message));
    return [...problems, ...others.map((problem) => ({ ...problem, file: folder }))];
  }
}

async function fileProblems(folder: string, { document, text, config }: Supposed): Promise<Problem[]> {
  const root = await realpath(folder);
  const found = await walkTask(root);
  const { task, verifier = {} } = document as Record<string, TomlTable>;
  const name = task === undefined && text !== '' ? basename(folder) : 'task';
  const { problems } = await checkFiles(root, { found, config: config ?? parseTaskToml(''), name });
  // Where the steps are not known neither is what they need; and an image of the verifier's own may bring the tests.
  const modes = /^\s*(environment_mode\s*=(?!\s*["']shared)|\[\s*verifier\.environment\s*\])/m.test(text);
  const { environment_mode: mode = 'shared', environment } = verifier;
  const separate = modes || mode !== 'shared' || environment !== undefined;
  const missing = problems.filter(({ message }) => / is missing; expected /.test(message));
  const doubtful = missing.filter(({ field }) => !config || (separate && field.startsWith('tests/')));
  return problems.filter((problem) => !doubtful.includes(problem));
}

interface TomlFile {
  text: string;
  file: string;
}

const severityOf = (rule: RuleName): LintMessage['severity'] => RULES[rule].severity;

function fromProblem({ file, field, line, column, message }: LocatedProblem, toml: TomlFile): LintMessage {
  const rule = file.endsWith('task.toml') ? 'invalid-task-config' : 'invalid-task-files';
  const at = line !== undefined && column === undefined ? columnOf(toml.text, line, field) : column;
  const ofFile = rule === 'invalid-task-files' && field !== '' && field !== 'name';
  const path = ofFile ? join(file, field) : file;
  return {
    rule,
    severity: 'error',
    path,
    ...(line !== undefined && { line }),
    ...(at !== undefined && { column: at }),
    message,
  };
}

/** Where in its line a field's last name stands, from 1; else where the line begins. */
function columnOf(text: string, line: number, field: string): number {
  const source = text.split('\n')[line - 1] ?? '';
  const name = /([^.[\]"]+)(\[\d+\])?"?$/.exec(field)?.[1] ?? '';
  const at = name === '' ? -1 : source.indexOf(name);
  return (at === -1 ? source.search(/\S|$/) : at) + 1;
}

function inToml(rule: RuleName, path: (string | number)[], toml: TomlFile): Omit<LintMessage, 'message'> {
  const line = lineFinder(toml.text)(path);
  const place = line === undefined ? {} : { line, column: columnOf(toml.text, line, fieldName(path)) };
  return { rule, severity: severityOf(rule), path: toml.file, ...place };
}

const unknownMessages = (document: TomlTable, toml: TomlFile): LintMessage[] =>
  unknownFields(document).map(({ path, meant }) => ({
    ...inToml('unknown-config-field', path, toml),
    message: `${fieldName(path)} means nothing; expected ${meant === undefined ? 'it to be left out' : `perhaps ${meant}`}`,
  }));

/**
 * What is to be said of a task beyond what keeps it from being one; of what its task.toml says only where all of that can be used. `told` is
 * what is wrong with it; undefined where it cannot be used at all.
 */
async function messagesOf(
  folder: string,
  toml: TomlFile & { config: TaskConfig },
  told: readonly Problem[] | undefined,
): Promise<LintMessage[]> {
  const { config } = toml;
  const root = await realpath(folder);
  const found = await walkTask(root);
  const paths = readablePaths(found);
  const all = verificationsOf(config, (path) => paths.has(path));
  const said = configMessages(config, all).map(({ rule, path, message }) => ({
    ...inToml(rule, path, toml),
    message,
  }));
  const instructions = await emptyInstructions({ folder, config, paths });
  return [
    ...(told?.length === 0 ? said : []),
    ...instructions,
    ...(await unsupported(folder, toml, { root, found })),
    ...refusedByApi(toml, found, told),
    ...(await sourceMessages({ folder, root, config, found, paths, verifications: all })),
  ];
}

/** What the API server would not take, beyond what is told already. What Windows takes is for what runs Windows to judge. */
function refusedByApi(
  toml: TomlFile & { config: TaskConfig },
  { files }: Found,
  told: readonly Problem[] = [],
): LintMessage[] {
  const { config } = toml;
  if (config.environment.os === 'windows') return [];
  // A name of the folder is judged with the folder.
  const name = config.task?.name ?? 'task';
  return refusedOf({ config, files }, name)
    .filter(({ field }) => !told.some((known) => known.field === field))
    .map(({ path, message }) => ({ ...inToml('invalid-task-config', path, toml), message }));
}

async function unsupported(
  folder: string,
  toml: TomlFile & { config: TaskConfig },
  { root, found }: { root: string; found: Found },
): Promise<LintMessage[]> {
  const { source, problem } = await readCompose(root, found);
  const task = { config: toml.config, files: found.files, ...(source && { compose: source }) };
  const parts = problem ? unsupportedFields(toml.config) : [...unsupportedParts(task), ...missingParts(task)];
  return [
    ...parts.map((part) => fromPart(part, folder, toml)),
    ...unrunVerifiers(task).map(({ field, message }) => ({
      ...inToml('unsupported-feature', [field], toml),
      message,
    })),
  ];
}

function fromPart({ field, reason, invalid }: Unsupported, folder: string, toml: TomlFile): LintMessage {
  const message = `${field}: ${reason}`;
  const rule = invalid ? 'invalid-task-config' : 'unsupported-feature';
  if (field.includes('/')) return { rule, severity: 'error', path: join(folder, field), message };
  return { ...inToml(rule, pathOfField(field), toml), message };
}

/** `steps[0].agent` → `['steps', 0, 'agent']`. */
const pathOfField = (field: string): (string | number)[] =>
  (field.match(/[^.[\]]+/g) ?? []).map((part) => (/^\d+$/.test(part) ? Number(part) : part));

async function emptyInstructions({
  folder,
  config: { steps = [] },
  paths,
}: {
  folder: string;
  config: TaskConfig;
  paths: ReadonlySet<string>;
}): Promise<LintMessage[]> {
  const wanted =
    steps.length === 0 ? ['instruction.md'] : steps.map(({ name }) => `steps/${name}/instruction.md`);
  const found = await Promise.all(
    wanted
      .filter((path) => paths.has(path))
      .map(async (path): Promise<LintMessage[]> => {
        const file = join(folder, path);
        const text = await readFile(file, 'utf8').catch(() => undefined);
        // What cannot be read is named already.
        if (text === undefined || stripCanary(text).trim() !== '') return [];
        const message = 'the instruction is empty; expected what the agent is to do';
        return [{ rule: 'invalid-task-files', severity: 'error', path: file, line: 1, column: 1, message }];
      }),
  );
  return found.flat();
}
