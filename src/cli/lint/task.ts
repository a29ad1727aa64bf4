/** One task folder → everything that is wrong with it. */
import { parse, type TomlTable } from 'smol-toml';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import {
  parseTaskToml,
  readTask,
  stripCanary,
  unsupportedFields,
  unsupportedParts,
} from '../../tasks/index.ts';
import type { TaskConfig, Unsupported } from '../../tasks/index.ts';
import { checkLayout } from '../../tasks/folder/layout.ts';
import { walkTask, type Found } from '../../tasks/folder/walk.ts';
import { lineFinder } from '../../tasks/toml/lines.ts';
import { fieldName, type Problem } from '../../tasks/toml/problems.ts';
import { problemsOf, type LocatedProblem } from '../select/problems.ts';
import { configFindings } from './config.ts';
import { RULES, type Finding, type RuleName } from './rules.ts';
import { sourceFindings } from './sources.ts';
import { unknownFields } from './unknown-fields.ts';
import { verifications } from './verifier.ts';

/** What was found in a folder, and what its task.toml holds, as far as it could be read. */
export interface Linted {
  findings: Finding[];
  document: TomlTable;
}

export async function lintTask(folder: string): Promise<Linted> {
  const file = join(folder, 'task.toml');
  const text = await readFile(file, 'utf8').catch(() => '');
  const document = documentOf(text);
  const problems = await problemsIn(folder, document);
  const config = configOf(text, file);
  const found = config ? await findingsOf(folder, { config, text, file }) : [];
  const unknown = unknownFindings(document, { text, file });
  const located = problems.map((problem) => fromProblem(problem, { text, file }));
  return { findings: [...located, ...unknown, ...found], document };
}

function documentOf(text: string): TomlTable {
  try {
    return parse(text, { integersAsBigInt: 'asNeeded' });
  } catch {
    return {};
  }
}

function configOf(text: string, file: string): TaskConfig | undefined {
  try {
    return text === '' ? undefined : parseTaskToml(text, file);
  } catch {
    return undefined;
  }
}

/** What keeps the folder from being a task. A task.toml that cannot be used does not hide what is wrong with the files. */
async function problemsIn(folder: string, document: TomlTable): Promise<LocatedProblem[]> {
  try {
    await readTask(folder);
    return [];
  } catch (error) {
    const problems = problemsOf(folder, error);
    if (!problems.every(({ file }) => file.endsWith('task.toml'))) return problems;
    const walked = await walkTask(await realpath(folder)).catch(() => undefined);
    const more = walked ? [...walked.problems, ...missingFiles(document, walked)] : [];
    return [...problems, ...more.map((problem) => ({ ...problem, file: folder }))];
  }
}

/** What is missing, as far as a task.toml tells that cannot be used; one that is no TOML tells nothing. */
function missingFiles(document: TomlTable, walked: Found): Problem[] {
  if (Object.keys(document).length === 0 || document['steps'] !== undefined) return [];
  const usual = parseTaskToml('', 'task.toml');
  const { environment = {}, verifier = {} } = document as Record<string, TomlTable>;
  const { docker_image: image } = environment;
  const ready = typeof image === 'string' && { docker_image: image };
  const config = { ...usual, environment: { ...usual.environment, ...ready } };
  // Its image may bring the tests.
  const isSeparate = (verifier['environment_mode'] ?? verifier['environment']) !== undefined;
  return checkLayout(config, walked).filter(({ field }) => !isSeparate || !field.startsWith('tests/'));
}

interface TomlFile {
  text: string;
  file: string;
}

const severityOf = (rule: RuleName): Finding['severity'] => RULES[rule].severity;

function fromProblem({ file, field, line, column, message }: LocatedProblem, toml: TomlFile): Finding {
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

function inToml(rule: RuleName, path: (string | number)[], toml: TomlFile): Omit<Finding, 'message'> {
  const line = lineFinder(toml.text)(path);
  const place = line === undefined ? {} : { line, column: columnOf(toml.text, line, fieldName(path)) };
  return { rule, severity: severityOf(rule), path: toml.file, ...place };
}

const unknownFindings = (document: TomlTable, toml: TomlFile): Finding[] =>
  unknownFields(document).map(({ path, meant }) => ({
    ...inToml('unknown-config-field', path, toml),
    message: `${fieldName(path)} means nothing; expected ${meant === undefined ? 'it to be left out' : `perhaps ${meant}`}`,
  }));

/** What is to be said of a task whose task.toml can be used. */
async function findingsOf(folder: string, toml: TomlFile & { config: TaskConfig }): Promise<Finding[]> {
  const { config } = toml;
  const root = await realpath(folder);
  const { files } = await walkTask(root);
  const paths = new Set(files.map(({ path }) => path));
  const all = verifications(config, (path) => paths.has(path));
  const said = configFindings(config, all).map(({ rule, path, message }) => ({
    ...inToml(rule, path, toml),
    message,
  }));
  const instructions = await emptyInstructions({ folder, config, paths });
  return [
    ...said,
    ...instructions,
    ...(await unsupported(folder, toml)),
    ...(await sourceFindings({ folder, root, config, paths, verifications: all })),
  ];
}

async function unsupported(folder: string, toml: TomlFile & { config: TaskConfig }): Promise<Finding[]> {
  const task = await readTask(folder).catch(() => undefined);
  const parts: Unsupported[] = task ? unsupportedParts(task) : unsupportedFields(toml.config);
  return parts.map(({ field, reason }) => {
    const message = `${field}: ${reason}`;
    const rule = 'unsupported-feature';
    if (field.includes('/')) return { rule, severity: 'error', path: join(folder, field), message };
    return { ...inToml(rule, field.split('.'), toml), message };
  });
}

async function emptyInstructions({
  folder,
  config: { steps = [] },
  paths,
}: {
  folder: string;
  config: TaskConfig;
  paths: ReadonlySet<string>;
}): Promise<Finding[]> {
  const wanted =
    steps.length === 0 ? ['instruction.md'] : steps.map(({ name }) => `steps/${name}/instruction.md`);
  const found = await Promise.all(
    wanted
      .filter((path) => paths.has(path))
      .map(async (path): Promise<Finding[]> => {
        const file = join(folder, path);
        if (stripCanary(await readFile(file, 'utf8')).trim() !== '') return [];
        const message = 'the instruction is empty; expected what the agent is to do';
        return [{ rule: 'invalid-task-files', severity: 'error', path: file, line: 1, column: 1, message }];
      }),
  );
  return found.flat();
}
