import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { digest, paths, scratchFolder } from '../machine/paths.ts';
import { step } from '../machine/progress.ts';
import { registry } from '../parts/services.ts';
import { buildTool } from '../programs.ts';
import { buildImage, inRegistry } from './build.ts';

/** The newest that the Go module proxy serves. Flaws of it are known: it is for this cluster, which is thrown away. */
const version = '2.1.0';
const module = join(paths.assets, 'go/kube-router');
const context = join(paths.assets, 'images/policy-engine');
const folder = join(paths.cache, `kube-router-${version}-${digest(readFileSync(join(module, 'go.mod')))}`);
const program = join(folder, 'kube-router');

const files = readdirSync(context)
  .toSorted()
  .map((file) => readFileSync(join(context, file)));
const name = `policy-engine:${digest(basename(folder), ...files)}`;

/** Builds the image of the policy engine where the registry has none (its program once, 3 minutes on 2 cores); gives its name in the cluster. */
export async function ensurePolicyEngineImage(): Promise<string> {
  if (!(await inRegistry(name))) {
    await ensureProgram();
    using scratch = scratchFolder('policy-engine');
    cpSync(context, scratch.path, { recursive: true });
    copyFileSync(program, join(scratch.path, basename(program)));
    await buildImage({ name, context: scratch.path });
  }
  return `${registry.inCluster}/${name}`;
}

async function ensureProgram(): Promise<void> {
  if (existsSync(program)) return;
  mkdirSync(folder, { recursive: true });
  const of = { module, path: 'github.com/cloudnativelabs/kube-router/v2/cmd/kube-router' };
  await step('kube-router', () => buildTool({ ...of, target: program }));
}
