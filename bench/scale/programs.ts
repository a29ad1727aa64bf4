/** The two Go programs of this bench, built once into the harness's cache: KWOK, and the controller that ours is compared with. */
import { existsSync, globSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { paths } from '../../test/e2e/cluster/index.ts';
import { digest } from '../../test/e2e/cluster/machine/paths.ts';
import { step } from '../../test/e2e/cluster/machine/progress.ts';
import { buildTool } from '../../test/e2e/cluster/programs.ts';

const PROGRAMS = {
  kwok: { module: join(paths.assets, 'go/kwok'), path: 'sigs.k8s.io/kwok/cmd/kwok' },
  peer: { module: join(import.meta.dirname, 'peer'), path: '.' },
} as const;

/** Builds it where it is missing, which takes minutes of processor time, and gives its path. */
export async function ensureProgram(name: keyof typeof PROGRAMS): Promise<string> {
  const { module, path } = PROGRAMS[name];
  const sources = globSync('{go.mod,*.go}', { cwd: module }).sort();
  const made = sources.map((file) => readFileSync(join(module, file)));
  const folder = join(paths.cache, `${name}-${digest(...made)}`);
  const target = join(folder, name);
  if (existsSync(target)) return target;
  mkdirSync(folder, { recursive: true });
  await step(name, () => buildTool({ module, path, target }));
  return target;
}
