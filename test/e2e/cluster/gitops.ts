/** The controllers of Argo CD and Flux with their CRDs, in the harness's cache: for the stories about Trials in Git alone. */
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { goEnvironment } from './machine/compiler.ts';
import { digest, paths } from './machine/paths.ts';
import { run } from './machine/process.ts';
import { step } from './machine/progress.ts';
import { buildTool } from './programs.ts';

export interface GitOpsProgram {
  program: string;
  /** Folders of CRDs that it wants. */
  crds: string;
}

interface Source {
  /** Go module of the harness that names it, below `go`. */
  module: string;
  path: string;
  /** The Go module that its CRDs lie in, and where. */
  from: string;
  crds: string;
  ldflags?: string;
}

const flux = (controller: string): Source => ({
  module: 'flux',
  path: `github.com/fluxcd/${controller}`,
  from: `github.com/fluxcd/${controller}`,
  crds: 'config/crd/bases',
});

const SOURCES = {
  'argo-cd': {
    module: 'argo-cd',
    path: '.',
    from: 'github.com/argoproj/argo-cd/v3',
    crds: 'manifests/crds',
    ldflags: '-s -w -X github.com/argoproj/argo-cd/v3/common.version=3.2.11',
  },
  'source-controller': flux('source-controller'),
  'kustomize-controller': flux('kustomize-controller'),
} as const satisfies Record<string, Source>;

const MAIN = 'argo-cd/main.go';

/** Builds it where it is missing, which takes minutes of processor time once. */
export async function ensureGitOps(name: keyof typeof SOURCES): Promise<GitOpsProgram> {
  const { module, path, from, crds, ...more }: Source = SOURCES[name];
  const cwd = join(paths.assets, 'go', module);
  const made = readFileSync(join(paths.assets, 'go', module === 'flux' ? `${module}/go.mod` : MAIN));
  const folder = join(paths.cache, `${module}-${digest(readFileSync(join(cwd, 'go.mod')), made)}`);
  const found = { program: join(folder, name), crds: join(folder, `${name}-crds`) };
  if (existsSync(found.program)) return found;
  mkdirSync(folder, { recursive: true });
  await step(name, async () => {
    const list = ['list', '-m', '-f', '{{.Dir}}', from];
    await run('go', ['mod', 'download'], { cwd, env: goEnvironment });
    const dir = (await run('go', list, { cwd, env: goEnvironment })).trim();
    cpSync(join(dir, crds), found.crds, { recursive: true });
    await buildTool({ module: cwd, path, target: found.program, ...more });
  });
  return found;
}
