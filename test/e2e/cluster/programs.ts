import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { paths } from './machine/paths.ts';
import { run } from './machine/process.ts';
import { say } from './machine/progress.ts';
import { versions } from './versions.ts';

const small = '-s -w';
const release = [
  'gitVersion=v' + versions.kubernetes,
  'gitMajor=1',
  'gitMinor=' + versions.kubernetes.split('.')[1],
];
const kubernetes = [small, ...release.map((value) => `-X k8s.io/component-base/version.${value}`)].join(' ');

type Source = { module: string; package: string; ldflags: string } | { install: string };

// `go install pkg@version` refuses modules with replace or exclude lines: those are built from a module of ours under go/.
// What stands beside the cluster comes first: its images are made while the larger programs are built.
const sources = {
  registry: { install: `github.com/distribution/distribution/v3/cmd/registry@v${versions.registry}` },
  versitygw: { install: `github.com/versity/versitygw/cmd/versitygw@v${versions.versitygw}` },
  buildkitd: { module: 'buildkit', package: 'github.com/moby/buildkit/cmd/buildkitd', ldflags: small },
  buildctl: { module: 'buildkit', package: 'github.com/moby/buildkit/cmd/buildctl', ldflags: small },
  coredns: { install: `github.com/coredns/coredns@v${versions.coredns}` },
  kind: { install: `sigs.k8s.io/kind@v${versions.kind}` },
  hyperkube: { module: 'kubernetes', package: '.', ldflags: kubernetes },
  kubectl: { module: 'kubernetes', package: 'k8s.io/kubernetes/cmd/kubectl', ldflags: kubernetes },
} satisfies Record<string, Source>;

export type Program = keyof typeof sources;
export const allPrograms = Object.keys(sources) as Program[];

/**
 * Builds what is missing in the cache, one program after the other (each build uses every core), and gives a promise for each.
 * A program appears under its name only when it is complete, so an interrupted build goes on where it stopped.
 */
export function buildPrograms(): Record<Program, Promise<void>> {
  mkdirSync(paths.bin, { recursive: true });
  const missing = allPrograms.filter((name) => !existsSync(join(paths.bin, name)));
  const begin = () =>
    say(`building ${missing.length} programs from Go modules (10 to 15 minutes the first time on 2 cores)`);
  let last = missing.length > 0 ? requireGo().then(begin) : Promise.resolve();
  const built = allPrograms.map((name) => {
    const own = missing.includes(name) ? (last = last.then(() => build(name))) : Promise.resolve();
    own.catch(() => {});
    return [name, own] as const;
  });
  return Object.fromEntries(built) as Record<Program, Promise<void>>;
}

/** Throws a plain sentence where Go is missing or too old. */
export async function requireGo(): Promise<void> {
  const version = await run('go', ['env', 'GOVERSION']).catch(() => '');
  const minor = Number(/^go1\.(\d+)/.exec(version)?.[1] ?? 0);
  if (minor < 26)
    throw new Error(
      `Docker Hub cannot be reached, so the cluster's programs have to be built, and that needs Go 1.26 or newer on PATH (found: ${version.trim() || 'none'}).`,
    );
}

async function build(name: Program): Promise<void> {
  const began = Date.now();
  const target = join(paths.bin, name);
  const folder = `${target}.part-${process.pid}`;
  const source: Source = sources[name];
  // Debug information, which -w would throw away, is a seventh of the compiler's work.
  const flags = (ldflags: string) => ['-trimpath', '-gcflags=all=-dwarf=false', '-ldflags', ldflags];
  const env = { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' };
  removeParts();
  if ('install' in source)
    await run('go', ['install', ...flags(small), source.install], { env: { ...env, GOBIN: folder } });
  else {
    const cwd = join(paths.assets, 'go', source.module);
    await run('go', ['build', ...flags(source.ldflags), '-o', join(folder, name), source.package], {
      cwd,
      env,
    });
  }
  renameSync(join(folder, name), target);
  rmSync(folder, { recursive: true });
  const done = allPrograms.filter((program) => existsSync(join(paths.bin, program))).length;
  say(`built ${name} in ${Math.round((Date.now() - began) / 1000)} s (${done} of ${allPrograms.length})`);
}

function removeParts(): void {
  for (const entry of readdirSync(paths.bin))
    if (entry.includes('.part-')) rmSync(join(paths.bin, entry), { recursive: true, force: true });
}
