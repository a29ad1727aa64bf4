/** Go: the machine's, else that of the image that the Dockerfile builds with. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../../..');

const IMAGE = 'golang:1.26';
const OLDEST = 26;

/** Whatever is set on this machine, the same sources become the same bytes. */
const SETTINGS = {
  GOFLAGS: '-buildvcs=false',
  GOWORK: 'off',
  GOEXPERIMENT: '',
  GOAMD64: 'v1',
  GOARM64: 'v8.0',
};

export interface Go {
  /** `go1.26.8`, or the image's name: what the result depends on beside the sources. */
  version: string;
  /** Runs a program of Go's in the checkout's `sbd/` and resolves its standard output. Throws with what the program wrote. */
  run(command: string[], options?: { env?: Record<string, string>; shown?: boolean }): Promise<string>;
}

/** Throws a plain sentence where there is neither. */
export function findGo(): Go {
  const version = versionHere();
  if (version !== undefined)
    return {
      version,
      run: ([program = '', ...args], { env = {}, shown = false } = {}) =>
        outputOf(program, args, { env: { ...process.env, ...SETTINGS, ...env }, shown }),
    };
  if (spawnSync('docker', ['version'], { stdio: 'ignore' }).status === 0)
    return {
      version: IMAGE,
      run: (command, { env = {}, shown = false } = {}) =>
        outputOf('docker', [...inImage({ ...SETTINGS, ...env }), ...command], { env: process.env, shown }),
    };
  throw new Error(
    `sbd is built with Go 1.${OLDEST} or newer on PATH, or with Docker and its image ${IMAGE}; there is neither`,
  );
}

function versionHere(): string | undefined {
  const { stdout } = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', cwd: root });
  const version = (stdout ?? '').trim();
  return Number(/^go1\.(\d+)/.exec(version)?.[1] ?? 0) >= OLDEST ? version : undefined;
}

// The checkout is at the same path in there, so that paths mean the same; only dist/ is written.
function inImage(env: Record<string, string>): string[] {
  const owner = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const variables = Object.entries({ HOME: '/tmp', GOCACHE: '/tmp/go-build', ...env });
  const places = ['--volume', `${root}:${root}`, '--workdir', join(root, 'sbd')];
  return [
    'run',
    '--rm',
    '--user',
    owner,
    ...places,
    ...variables.flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    IMAGE,
  ];
}

interface Running {
  env: NodeJS.ProcessEnv;
  /** Goes to this process's own output. */
  shown: boolean;
}

async function outputOf(program: string, args: string[], { env, shown }: Running): Promise<string> {
  const output = shown ? 'inherit' : 'pipe';
  const child = spawn(program, args, {
    cwd: join(root, 'sbd'),
    env,
    stdio: ['ignore', output, output],
  });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]?.setEncoding('utf8').on('data', (chunk: string) => (said[stream] += chunk));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (code === 0) return said.stdout;
  const end = code === null ? signal : `exit code ${code}`;
  throw new Error(`${program} ${args.join(' ')}: ${end}\n${said.stdout}${said.stderr}`.trimEnd());
}
