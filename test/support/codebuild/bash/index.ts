/** An executor that really runs the build specification: every line of it, in bash, on this machine. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { BuildSession, Executor } from '../executor.ts';
import type { Build } from '../model.ts';
import type { AwsAccess } from './access.ts';
import type { Buildspec } from './buildspec.ts';
import { runPhases } from './phases.ts';
import { hider, resolveSecrets } from './secrets.ts';
import { Shell } from './shell.ts';
import { fetchSource, readBuildspec } from './source.ts';

export type { AwsAccess } from './access.ts';

export interface BashExecutorOptions {
  s3: AwsAccess;
  /** Without it, variables of type SECRETS_MANAGER fail their build. */
  secretsManager?: AwsAccess;
  /** Copied anew as each build's HOME, as each build on AWS has its own container: large files in it are best links. */
  home?: string;
  /** Folders of PATH. Default: this process's own. */
  path?: string[];
  /** What the build's image brings: endpoints, credentials of the service role. */
  env?: Record<string, string>;
}

/** What docker says where a project is not privileged: no daemon runs in its container. */
const NO_DOCKER = `#!/bin/sh
echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2
exit 1
`;

interface Folders {
  /** Everything of the build. */
  root: string;
  source: string;
  home: string;
  shell: string;
  /** Programs of the service's own, before all others. */
  programs: string;
}

async function makeFolders(build: Build, { home }: BashExecutorOptions): Promise<Folders> {
  const root = await mkdtemp(join(tmpdir(), 'sb-codebuild-'));
  const at = (name: string): string => join(root, name);
  const folders = { root, source: at('src'), home: at('home'), shell: at('shell'), programs: at('bin') };
  for (const name of ['home', 'shell', 'bin', 'tmp']) await mkdir(at(name));
  if (home) await cp(home, folders.home, { recursive: true, verbatimSymlinks: true });
  if (!build.environment.privilegedMode)
    await writeFile(join(folders.programs, 'docker'), NO_DOCKER, { mode: 0o755 });
  return folders;
}

/** Later ones win: the image's, the specification's, then those of project and call and the built-in ones. */
function environment(folders: Folders, options: BashExecutorOptions, more: Record<string, string>[]) {
  const path = options.path ?? (process.env['PATH'] ?? '').split(delimiter);
  return Object.assign({ ...options.env }, ...more, {
    HOME: folders.home,
    PATH: [folders.programs, ...path].join(delimiter),
    TMPDIR: join(folders.root, 'tmp'),
    CODEBUILD_SRC_DIR: folders.source,
  }) as Record<string, string>;
}

class BashBuild {
  readonly #build: Build;
  readonly #session: BuildSession;
  readonly #options: BashExecutorOptions;
  #spec: Buildspec | undefined;
  #secrets: Record<string, string> = {};

  constructor(build: Build, session: BuildSession, options: BashExecutorOptions) {
    this.#build = build;
    this.#session = session;
    this.#options = options;
  }

  async run(folders: Folders): Promise<void> {
    const prepared = await this.#session.phase('DOWNLOAD_SOURCE', () => this.#prepare(folders));
    if (!prepared) return;
    const { signal, env } = this.#session;
    const hide = hider(Object.values(this.#secrets));
    const spec = this.#spec!;
    const shell = new Shell({
      folder: folders.shell,
      cwd: folders.source,
      env: environment(folders, this.#options, [spec.variables, env, this.#secrets]),
      signal,
      onLine: (line) => this.#session.log(hide(line)),
    });
    const note = (text: string): void => this.#session.note(hide(text));
    const secrets = Object.keys(this.#secrets);
    try {
      await runPhases({ shell, spec, session: this.#session, note, folder: folders.shell, secrets });
    } finally {
      shell.kill();
    }
  }

  async #prepare(folders: Folders): Promise<void> {
    await fetchSource(this.#build, this.#options.s3, folders.source);
    this.#spec = await readBuildspec(this.#build, folders.source);
    this.#secrets = await resolveSecrets(this.#build, this.#options.secretsManager);
  }
}

export function bashExecutor(options: BashExecutorOptions): Executor {
  return {
    async run(build, session) {
      const folders = await makeFolders(build, options);
      try {
        await new BashBuild(build, session, options).run(folders);
      } finally {
        await rm(folders.root, { recursive: true, force: true, maxRetries: 5 });
      }
    },
  };
}
