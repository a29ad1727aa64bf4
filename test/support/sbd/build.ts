/** `npm run build:sbd`: builds `sbd` for every platform that the operator's image is for, into `dist/sbd/linux-<architecture>/sbd`. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { findGo, root, type Go } from './go.ts';

export const ARCHITECTURES = ['amd64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** Every Pod of a Trial copies it into memory or onto disk. */
const MAX_BYTES = 3_600_000;

interface Options {
  architectures?: readonly Architecture[];
  /** Folder of the result. */
  into?: string;
}

/** Builds what is missing or of other sources; gives the folder that has `linux-<architecture>/sbd`. The Dockerfile's stage `sbd` looks the same. */
export async function buildSbd({
  architectures = ARCHITECTURES,
  into = join(root, 'dist/sbd'),
}: Options = {}): Promise<string> {
  const go = findGo();
  const digest = sourcesDigest(go);
  for (const architecture of architectures) {
    const folder = join(into, `linux-${architecture}`);
    const mark = join(folder, 'sources');
    if (existsSync(join(folder, 'sbd')) && existsSync(mark) && readFileSync(mark, 'utf8') === digest)
      continue;
    mkdirSync(folder, { recursive: true });
    await build(go, architecture, join(folder, 'sbd'));
    writeFileSync(mark, digest);
  }
  return into;
}

function sourcesDigest({ version }: Go): string {
  const hash = createHash('sha256').update(`${version} ${FLAGS.join(' ')}`);
  for (const file of globSync(['sbd/**/*.{go,s}', 'sbd/go.*'], { cwd: root }).sort())
    if (!file.endsWith('_test.go')) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/** As in the Dockerfile. */
const FLAGS = ['-trimpath', '-ldflags', '-s -w -buildid='];

// It appears under its name only when it is complete.
async function build(go: Go, architecture: Architecture, target: string): Promise<void> {
  const part = `${target}.part-${process.pid}`;
  try {
    await go.run(['go', 'build', ...FLAGS, '-o', part, '.'], {
      env: { CGO_ENABLED: '0', GOOS: 'linux', GOARCH: architecture },
    });
    const { size } = statSync(part);
    if (size > MAX_BYTES)
      throw new Error(
        `sbd for ${architecture} has ${size} bytes, more than ${MAX_BYTES}: what did it take in?`,
      );
    renameSync(part, target);
  } finally {
    rmSync(part, { force: true });
  }
}

if (import.meta.main) {
  const folder = await buildSbd();
  for (const architecture of ARCHITECTURES) {
    const file = join(folder, `linux-${architecture}/sbd`);
    console.log(`${relative(root, file)}  ${statSync(file).size} bytes`);
  }
}
