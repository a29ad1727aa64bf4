import { existsSync, globSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { goEnvironment, goFlags as flags } from './machine/compiler.ts';
import { compilation, type Compilation } from './machine/compilation.ts';
import { digest, paths } from './machine/paths.ts';
import { run } from './machine/process.ts';
import { step } from './machine/progress.ts';

const cwd = join(paths.assets, 'go/programs');

// One module and the same flags: what programs share is compiled once, whichever of them comes first.
const packages = {
  registry: './registry',
  versitygw: './versitygw',
  buildkitd: 'github.com/moby/buildkit/cmd/buildkitd',
  buildctl: 'github.com/moby/buildkit/cmd/buildctl',
  kind: 'sigs.k8s.io/kind',
  hyperkube: './hyperkube',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  coredns: './coredns',
} as const;

type Program = keyof typeof packages;

/** Programs that stand beside the cluster come first: images are made of them while Kubernetes is compiled. */
const besidePrograms: Program[] = ['registry', 'versitygw', 'buildkitd', 'buildctl', 'kind'];
export const kubernetesPrograms: Program[] = ['hyperkube', 'kubectl', 'coredns'];

type Programs = { beside: Promise<void>; kubernetes: Promise<void> };

/**
 * Builds what is missing in the cache, one group after the other (each build uses every core), and gives a promise for each group.
 * A program appears under its name only when it is complete, and the compiler's cache keeps the rest of an interrupted build.
 */
export function buildPrograms(): Programs {
  const missing = [...besidePrograms, ...kubernetesPrograms].filter(isMissing);
  if (missing.length === 0) return { beside: Promise.resolve(), kubernetes: Promise.resolve() };
  const ready = requireGo();
  let whole: Compilation | undefined;
  // Brings the modules of Kubernetes while the first group is compiled.
  ready
    .then(() => weigh(missing))
    .then((found) => (whole = found))
    .catch(() => {});
  const beside = ready.then(() => build('programs beside the cluster', besidePrograms, () => whole));
  const kubernetes = beside.then(() => build('Kubernetes programs', kubernetesPrograms, () => whole));
  kubernetes.catch(() => {});
  return { beside, kubernetes };
}

const isMissing = (name: Program): boolean => !existsSync(join(paths.bin, name));

/** Throws a plain sentence where Go is missing or too old. */
export async function requireGo(): Promise<void> {
  const version = await run('go', ['env', 'GOVERSION']).catch(() => '');
  const minor = Number(/^go1\.(\d+)/.exec(version)?.[1] ?? 0);
  if (minor < 26)
    throw new Error(
      `Docker Hub cannot be reached, so the cluster's programs have to be built, and that needs Go 1.26 or newer on PATH (found: ${version.trim() || 'none'}).`,
    );
}

/** Downloads every module, and finds out what is to be compiled. */
async function weigh(missing: Program[]): Promise<Compilation> {
  const query = '{{if .Stale}}{{.ImportPath}}\t{{.Dir}}\t{{join .GoFiles "\t"}}{{end}}';
  const list = ['list', '-deps', ...flags, '-f', query, ...missing.map((name) => packages[name])];
  return compilation(await run('go', list, { cwd, env: goEnvironment, secret: true }));
}

async function build(title: string, group: Program[], whole: () => Compilation | undefined): Promise<void> {
  const missing = group.filter(isMissing);
  if (missing.length === 0) return;
  mkdirSync(paths.bin, { recursive: true });
  removeParts();
  const folder = join(paths.bin, `.part-${process.pid}`);
  // -v names each package when its compilation begins.
  const args = ['build', '-v', ...flags, '-o', `${folder}/`, ...missing.map((name) => packages[name])];
  const compile = () => run('go', args, { cwd, env: goEnvironment, onLine: (line) => whole()?.began(line) });
  await step(title, compile, () => whole()?.left() ?? '');
  for (const name of missing) renameSync(join(folder, name), join(paths.bin, name));
  rmSync(folder, { recursive: true });
}

export interface Tool {
  /** Folder of the Go module that names it and its version. */
  module: string;
  /** Import path of its main package. */
  path: string;
  target: string;
  ldflags?: string;
  /** As programs are released, which takes the compiler twice as long: for those whose speed is measured. */
  inlined?: boolean;
}

/** Builds a program that cannot share the module of the others, for what it needs is older. */
export async function buildTool(tool: Tool): Promise<void> {
  const { module, path, target, ldflags = '-s -w', inlined = false } = tool;
  await requireGo();
  const part = `${target}.part-${process.pid}`;
  // As the cluster's programs are built, so that what they share is compiled once.
  const compiler = inlined ? [] : flags.filter((flag) => flag.startsWith('-gcflags'));
  const args = ['build', '-trimpath', ...compiler, '-ldflags', ldflags, '-o', part, path];
  await run('go', args, { cwd: module, env: goEnvironment });
  renameSync(part, target);
}

/** The same into the cache, where it is missing there: minutes of processor time. Gives the program's path. */
export async function ensureTool(
  name: string,
  { module, path, inlined = false }: Pick<Tool, 'module' | 'path' | 'inlined'>,
): Promise<string> {
  const sources = globSync('{go.mod,*.go}', { cwd: module }).sort();
  const made = sources.map((file) => readFileSync(join(module, file)));
  const folder = join(paths.cache, `${name}-${digest(...made, ...(inlined ? ['inlined'] : []))}`);
  const target = join(folder, name);
  if (existsSync(target)) return target;
  mkdirSync(folder, { recursive: true });
  await step(name, () => buildTool({ module, path, target, inlined }));
  return target;
}

function removeParts(): void {
  for (const entry of readdirSync(paths.bin))
    if (entry.includes('.part-')) rmSync(join(paths.bin, entry), { recursive: true, force: true });
}
