/**
 * The one shell of a build. Each command is a bash process of its own that begins with what the last one left: variables, exported or not,
 * functions, options, umask and working directory. So a command may `exit`, as it may on AWS, and the next one still runs.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const DRIVER = `
exec 2>&1
if [ -e "$1" ]; then . "$1" 2> /dev/null; fi
__codebuild_state=$1 __codebuild_command=$(< "$2")
export CODEBUILD_BUILD_SUCCEEDING=$3
set --
trap '{ declare -p; declare -f; shopt -p; umask -p; printf "cd %q\\n" "$PWD"; set +o; } > "$__codebuild_state"' EXIT
eval "$__codebuild_command"
`;

/** What a background process may still hold the output open for, once its command has ended. */
const DRAIN_MS = 200;

export interface ShellSettings {
  /** A folder of the shell's own. */
  folder: string;
  cwd: string;
  env: Record<string, string>;
  /** Kills everything that the shell started. */
  signal: AbortSignal;
  onLine: (line: string) => void;
}

export class Shell {
  readonly #settings: ShellSettings;
  readonly #groups = new Set<number>();

  constructor(settings: ShellSettings) {
    this.#settings = settings;
    settings.signal.addEventListener('abort', () => this.kill(), { once: true });
  }

  /** Resolves the command's exit status. Throws the signal's reason where that fired before. */
  async run(command: string, succeeding: boolean): Promise<number> {
    const { folder, cwd, env, signal } = this.#settings;
    signal.throwIfAborted();
    const [state, file] = [join(folder, 'state'), join(folder, 'command')];
    await writeFile(file, command);
    const bash = ['--noprofile', '--norc', '-c', DRIVER, 'codebuild', state, file, succeeding ? '1' : '0'];
    const child = spawn('bash', bash, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    if (child.pid !== undefined) this.#groups.add(child.pid);
    const status = await this.#ended(child);
    signal.throwIfAborted();
    return status;
  }

  /** Ends whatever is left, background processes among it. */
  kill(): void {
    for (const group of this.#groups) {
      try {
        process.kill(-group, 'SIGKILL');
      } catch {
        this.#groups.delete(group);
      }
    }
  }

  async #ended(child: ChildProcess): Promise<number> {
    const lines = createInterface({ input: child.stdout!, crlfDelay: Infinity });
    lines.on('line', this.#settings.onLine);
    const closed = once(lines, 'close');
    const [code, killedBy] = (await once(child, 'exit')) as [number | null, string | null];
    await Promise.race([closed, sleep(DRAIN_MS)]);
    lines.close();
    child.stdout!.resume();
    return code ?? (killedBy === 'SIGKILL' ? 137 : 128);
  }
}
