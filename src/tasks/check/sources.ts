/** Rules about the files of a task: Dockerfiles, scripts, compose files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskConfig } from '../index.ts';
import { sha256 } from '../../crds/names.ts';
import type { Found, FoundFile } from '../folder/walk.ts';
import { CONTEXT } from '../task.ts';
import { commandMessages } from './commands.ts';
import { composeMessages, servicesIn } from './compose.ts';
import { missingSources, dockerfileMessages, type BuildContext } from './dockerfile.ts';
import { hiddenInContext, scriptMessages, serviceMessages } from './integrity.ts';
import { RULES, type LintMessage, type RuleName } from './rules.ts';
import { logicalLines } from './shell.ts';
import type { Verification } from './config.ts';

interface Sources {
  /** As the user named it; messages are told of below it. */
  folder: string;
  /** The same without links. */
  root: string;
  config: TaskConfig;
  found: Found;
  /** Of it, what can be read. */
  paths: ReadonlySet<string>;
  verifications: readonly Verification[];
}

export async function sourceMessages(sources: Sources): Promise<LintMessage[]> {
  const found = await Promise.all([
    ...dockerfiles(sources).map((path) => inDockerfile(sources, path)),
    ...[...scripts(sources)].map(([path, separate]) => inScript(sources, path, separate)),
    ...composeFiles(sources).map((path) => inCompose(sources, path)),
    inContext(sources),
  ]);
  return found.flat();
}

const lintMessage = (
  rule: RuleName,
  path: string,
  rest: { line?: number; message: string },
): LintMessage => ({
  rule,
  severity: RULES[rule].severity,
  path,
  ...(rest.line !== undefined && { line: rest.line, column: 1 }),
  message: rest.message,
});

/** Empty where the file cannot be read, which is told of elsewhere. */
const textOf = ({ folder }: Sources, path: string): Promise<string> =>
  readFile(join(folder, path), 'utf8').catch(() => '');

const dockerfiles = ({ paths, verifications }: Sources): string[] =>
  [...new Set(['environment', ...verifications.map(({ folder }) => folder)])]
    .map((folder) => `${folder}/Dockerfile`)
    .filter((path) => paths.has(path));

async function inDockerfile(sources: Sources, path: string): Promise<LintMessage[]> {
  const { folder, found, config } = sources;
  const context = path.slice(0, -'Dockerfile'.length);
  const agent = context === CONTEXT;
  const text = await textOf(sources, path);
  const said = dockerfileMessages(text, { agent });
  // Windows has other paths, and another Dockerfile may be the one that is built.
  const isJudged = agent && config.environment.os !== 'windows';
  const [ignoring] = [`${path}.dockerignore`, `${context}.dockerignore`].filter((one) =>
    sources.paths.has(one),
  );
  const ignored = ignoring === undefined ? '' : await textOf(sources, ignoring);
  const missing = isJudged ? missingSources(text, { ...contextOf(found), ignored }) : [];
  return [...said, ...missing].map(({ rule, ...rest }) => lintMessage(rule, join(folder, path), rest));
}

/** Paths of the build context, as the Dockerfile sees them. */
function contextOf({ files, folders, ignored, problems }: Found): Pick<BuildContext, 'paths' | 'isWhole'> {
  const all = [...files, ...folders].map(({ path }) => path);
  const paths = all.flatMap((path) => (path.startsWith(CONTEXT) ? [path.slice(CONTEXT.length)] : []));
  const lacking = [...ignored, ...problems.map(({ field }) => field)];
  return { paths, isWhole: !lacking.some((path) => path.startsWith(CONTEXT)) };
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

async function inScript(sources: Sources, path: string, separate: boolean): Promise<LintMessage[]> {
  const file = join(sources.folder, path);
  const fault = scriptFault(await readFile(file).catch(() => undefined));
  if (fault !== undefined) return [lintMessage('unusable-script', file, { line: 1, message: fault })];
  const text = await textOf(sources, path);
  const [shebang = ''] = text.split('\n', 1);
  const returns = shebang.startsWith('#!') && shebang.endsWith('\r');
  return [
    ...(returns ? [lintMessage('carriage-return', file, { line: 1, message: RETURNS })] : []),
    ...[...logicalLines(text)].flatMap(({ line, text: statement }) =>
      commandMessages(statement, { separate }).map(({ rule, message }) =>
        lintMessage(rule, file, { line, message }),
      ),
    ),
    ...(path.endsWith('test.sh') ? scriptMessages(text, { separate }) : []).map(({ rule, ...rest }) =>
      lintMessage(rule, file, rest),
    ),
  ];
}

/** Why no interpreter runs this as it is meant; undefined for a script, and for what cannot be read, which is told of elsewhere. */
function scriptFault(bytes: Buffer | undefined): string | undefined {
  if (!bytes) return undefined;
  if (bytes.toString().trim() === '') return 'the script is empty; expected commands';
  const mark = bytes.subarray(0, 2).toString('hex');
  if (mark === 'fffe' || mark === 'feff') return 'the script is UTF-16; expected UTF-8';
  if (bytes.includes(0)) return 'the script holds a NUL; expected text';
  return bytes.subarray(0, 3).toString('hex') === 'efbbbf'
    ? 'the script begins with a byte order mark, so that its first line names no interpreter; expected it without'
    : undefined;
}

const RETURNS =
  'the first line ends in a carriage return, so no such interpreter is found; expected lines that end as Unix has them (sed -i "s/\\r$//")';

/** Files of the build context that are to stay hidden. */
async function inContext({ folder, root, found }: Sources): Promise<LintMessage[]> {
  const digestOf = async ({ path }: FoundFile): Promise<string | undefined> =>
    readFile(join(root, path)).then(sha256, () => undefined);
  const isSame = async (one: FoundFile, other: FoundFile): Promise<boolean> => {
    const digest = await digestOf(one);
    return digest !== undefined && digest === (await digestOf(other));
  };
  const alike = await hiddenInContext(found.files, isSame);
  return alike.map(({ path, message }) =>
    lintMessage('hidden-files-in-context', join(folder, path), { message }),
  );
}

const composeFiles = ({ paths }: Sources): string[] =>
  [...paths].filter((path) => /^(environment|tests|steps\/[^/]+\/tests)\/docker-compose\.yaml$/.test(path));

async function inCompose(sources: Sources, path: string): Promise<LintMessage[]> {
  const place = { file: join(sources.root, path), root: sources.root };
  const text = await textOf(sources, path);
  const reached = path.startsWith(CONTEXT) ? serviceMessages(servicesIn(text)) : [];
  const said = [
    ...composeMessages(text, place),
    ...reached.map((message) => ({ rule: 'agent-reaches-services' as const, message })),
  ];
  return said.map(({ rule, message }) => lintMessage(rule, join(sources.folder, path), { message }));
}
