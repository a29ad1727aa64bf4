/** Helm 4 and 3, and kubeconform, in the harness's cache: for the stories about the chart alone. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { acquireLock } from './machine/lock.ts';
import { digest, paths } from './machine/paths.ts';
import { step } from './machine/progress.ts';
import { buildTool } from './programs.ts';

const module = join(paths.assets, 'go/helm');
const folder = join(paths.cache, `helm-${digest(readFileSync(join(module, 'go.mod')))}`);

/** The first takes most of the time: the others share what it is made of. */
const PACKAGES = {
  helm: 'helm.sh/helm/v4/cmd/helm',
  helm3: 'helm.sh/helm/v3/cmd/helm',
  kubeconform: 'github.com/yannh/kubeconform/cmd/kubeconform',
} as const;

export type HelmTools = Record<keyof typeof PACKAGES, string>;

/** Builds what is missing, which takes 210 seconds of processor time once, and gives the paths. */
export async function ensureHelm(): Promise<HelmTools> {
  const tools = Object.entries(PACKAGES).map(([name, path]) => ({ name, path, target: join(folder, name) }));
  const missing = tools.filter(({ target }) => !existsSync(target));
  if (missing.length > 0) {
    using _ = acquireLock();
    mkdirSync(folder, { recursive: true });
    for (const { name, path, target } of missing) await step(name, () => buildTool({ module, path, target }));
  }
  return Object.fromEntries(tools.map(({ name, target }) => [name, target])) as HelmTools;
}
