/** buildx, the docker command's plugin that builds on CodeBuild's machines, in the harness's cache. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Flavour } from '../images/flavour.ts';
import { copyFromImage } from '../images/published-programs.ts';
import { digest, paths } from '../machine/paths.ts';
import { docker } from '../machine/process.ts';
import { step } from '../machine/progress.ts';
import { buildTool } from '../programs.ts';

const module = join(paths.assets, 'go/buildx');
/** The one that AWS's `aws/codebuild/standard:8.0` carries. */
const buildxVersion = '0.32.1';

const folder = join(paths.cache, `buildx-${buildxVersion}-${digest(readFileSync(join(module, 'go.mod')))}`);
const program = join(folder, 'buildx');

export const hasBuildx = (): boolean => existsSync(program);

/** Gets it where it is missing, and gives its path: built from its Go module (2 minutes once on 2 cores), or where images can be pulled from one. */
export async function ensureBuildx(flavour: Flavour): Promise<string> {
  if (hasBuildx()) return program;
  mkdirSync(folder, { recursive: true });
  await step('buildx', () => (flavour === 'made' ? build(program) : fetchPublished(program)));
  return program;
}

const build = (target: string): Promise<void> =>
  buildTool({
    module,
    path: 'github.com/docker/buildx/cmd/buildx',
    target,
    ldflags: `-s -w -X github.com/docker/buildx/version.Version=v${buildxVersion}`,
  });

// A machine with a Docker engine mostly has the plugin; else its published image brings it.
async function fetchPublished(target: string): Promise<void> {
  const query = '{{range .ClientInfo.Plugins}}{{if eq .Name "buildx"}}{{.Path}}{{end}}{{end}}';
  const installed = await docker(['info', '--format', query]).catch(() => '');
  if (!existsSync(installed.trim()))
    return copyFromImage(target, `docker/buildx-bin:${buildxVersion}`, '/buildx');
  const part = `${target}.part-${process.pid}`;
  copyFileSync(installed.trim(), part);
  renameSync(part, target);
}
