/** Rules about the files of a task: Dockerfiles, scripts, compose files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskConfig } from '../../tasks/index.ts';
import { commandFindings } from './commands.ts';
import { composeFindings } from './compose.ts';
import { dockerfileFindings } from './dockerfile.ts';
import { RULES, type Finding, type RuleName } from './rules.ts';
import { logicalLines } from './shell.ts';
import type { Verification } from './verifier.ts';

export interface Sources {
  /** As the user named it; findings are told of below it. */
  folder: string;
  /** The same without links. */
  root: string;
  config: TaskConfig;
  paths: ReadonlySet<string>;
  verifications: readonly Verification[];
}

export async function sourceFindings(sources: Sources): Promise<Finding[]> {
  const found = await Promise.all([
    ...dockerfiles(sources).map((path) => inDockerfile(sources, path)),
    ...[...scripts(sources)].map(([path, separate]) => inScript(sources, path, separate)),
    ...composeFiles(sources).map((path) => inCompose(sources, path)),
  ]);
  return found.flat();
}

const finding = (rule: RuleName, path: string, rest: { line?: number; message: string }): Finding => ({
  rule,
  severity: RULES[rule].severity,
  path,
  ...(rest.line !== undefined && { line: rest.line, column: 1 }),
  message: rest.message,
});

const textOf = ({ folder }: Sources, path: string): Promise<string> => readFile(join(folder, path), 'utf8');

const dockerfiles = ({ paths, verifications }: Sources): string[] =>
  [...new Set(['environment', ...verifications.map(({ folder }) => folder)])]
    .map((folder) => `${folder}/Dockerfile`)
    .filter((path) => paths.has(path));

async function inDockerfile(sources: Sources, path: string): Promise<Finding[]> {
  const agent = path.startsWith('environment/');
  return dockerfileFindings(await textOf(sources, path), { agent }).map(({ rule, ...rest }) =>
    finding(rule, join(sources.folder, path), rest),
  );
}

/** Test and solution scripts, and whether the verifier that runs them has a container of its own. */
function scripts({ paths, verifications }: Sources): Map<string, boolean> {
  const found = new Map<string, boolean>();
  const first = (...candidates: string[]): string[] =>
    candidates.filter((path) => paths.has(path)).slice(0, 1);
  for (const { step, separate } of verifications) {
    const own = step ? [`steps/${step.config.name}/`] : [];
    for (const path of first(...own.map((folder) => `${folder}tests/test.sh`), 'tests/test.sh'))
      found.set(path, found.get(path) === true || separate);
    for (const path of first(...own.map((folder) => `${folder}solution/solve.sh`), 'solution/solve.sh'))
      found.set(path, found.get(path) === true);
  }
  return found;
}

async function inScript(sources: Sources, path: string, separate: boolean): Promise<Finding[]> {
  return [...logicalLines(await textOf(sources, path))].flatMap(({ line, text }) =>
    commandFindings(text, { separate }).map(({ rule, message }) =>
      finding(rule, join(sources.folder, path), { line, message }),
    ),
  );
}

const composeFiles = ({ paths }: Sources): string[] =>
  [...paths].filter((path) => /^(environment|tests|steps\/[^/]+\/tests)\/docker-compose\.yaml$/.test(path));

async function inCompose(sources: Sources, path: string): Promise<Finding[]> {
  const place = { file: join(sources.root, path), root: sources.root };
  return composeFindings(await textOf(sources, path), place).map(({ rule, message }) =>
    finding(rule, join(sources.folder, path), { message }),
  );
}
