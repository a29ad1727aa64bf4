/** A shell in a real terminal (a server of tmux of its own), as somebody sits before it: types, presses keys, resizes the window, and sees a screen. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { canInstall } from '../can-install.ts';
import { eventually } from '../eventually.ts';

const TMUX = '/usr/bin/tmux';
const PROMPT = '$';
const OPTIONS = { 'default-terminal': 'tmux-256color', 'history-limit': '10000', status: 'off' };
const SHELL = ['bash', '--noprofile', '--norc', '-o', 'pipefail'];
const run = promisify(execFile);

export interface TerminalOptions {
  cwd: string;
  /** All that the shell has in its environment, but for what belongs to the terminal. */
  env: Record<string, string>;
  columns?: number;
  rows?: number;
}

const servers = new Set<string>();
// A test run that is interrupted leaves no terminal behind.
process.on('exit', () => servers.forEach((socket) => spawnSync(TMUX, ['-S', socket, 'kill-server'])));

/** Marks the running tests as pending where the program is missing; under `SB_E2E=1` that is a failure where it could have been installed. */
export function needInstalled(program: string, context: Mocha.Context): void {
  if (existsSync(program)) return;
  const name = basename(program);
  if (process.env['SB_E2E'] === '1' && canInstall()) throw new Error(`${name} is not installed`);
  process.stderr.write(`      there is no ${name}: tests with it are pending\n`);
  context.skip();
}

export const needTerminal = (context: Mocha.Context): void => needInstalled(TMUX, context);

const trimmed = (lines: string): string[] => lines.trimEnd().split('\n');

export class PseudoTerminal {
  readonly #folder: string;
  #endings = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens a terminal and waits for the prompt, `$ `. */
  static async open({ cwd, env, columns = 100, rows = 30 }: TerminalOptions): Promise<PseudoTerminal> {
    const terminal = new PseudoTerminal(await mkdtemp(join(tmpdir(), 'sb-terminal-')));
    servers.add(terminal.#socket);
    // Codes that the shell itself writes would be taken for those of its commands.
    await writeFile(terminal.#path('inputrc'), 'set enable-bracketed-paste off\n');
    await writeFile(terminal.#path('written'), '');
    const shell = {
      ...env,
      LC_ALL: 'C.UTF-8',
      HISTFILE: '',
      INPUTRC: terminal.#path('inputrc'),
      PS1: `${PROMPT} `,
      PROMPT_COMMAND: `echo $? >> ${terminal.#path('endings')}`,
    };
    const start = ['-u', '-f', '/dev/null', '-S', terminal.#socket, 'start-server'];
    const options = Object.entries(OPTIONS).flatMap(([name, value]) => [
      ';',
      'set-option',
      '-g',
      name,
      value,
    ]);
    const session = [';', 'new-session', '-d', '-x', String(columns), '-y', String(rows), '-c', cwd];
    await run(TMUX, start.concat(options, session, SHELL), { env: shell });
    await terminal.#tmux('pipe-pane', `cat >> ${terminal.#path('written')}`);
    await terminal.ended();
    return terminal;
  }

  get #socket(): string {
    return this.#path('socket');
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  async #tmux(...args: string[]): Promise<string> {
    return (await run(TMUX, ['-S', this.#socket, ...args])).stdout;
  }

  async #exitCodes(): Promise<string[]> {
    const text = await readFile(this.#path('endings'), 'utf8').catch(() => '');
    return text.split('\n').slice(0, -1);
  }

  /** Types a command and presses Enter. */
  async enter(command: string): Promise<void> {
    this.#endings = (await this.#exitCodes()).length;
    await this.#tmux('send-keys', '-l', command);
    await this.press('Enter');
  }

  /** Resolves to the exit code of the command once the prompt is back. */
  async ended(seconds = 60): Promise<number> {
    return this.#seen('the end of the command', seconds, async () => {
      const codes = await this.#exitCodes();
      const back = codes.length > this.#endings && (await this.screen()).at(-1) === PROMPT;
      return back ? Number(codes.at(-1)) : undefined;
    });
  }

  /** A command's exit code and the text it left, from its own line on; the screen is empty before it. */
  async run(command: string, seconds?: number): Promise<{ code: number; lines: string[] }> {
    await this.clear();
    await this.enter(command);
    const code = await this.ended(seconds);
    return { code, lines: (await this.text()).slice(0, -1) };
  }

  /** Presses keys, by the names that tmux has for them: `C-c`, `Enter`, `y`. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys);
  }

  /** Pastes a text as it is, whatever its size. */
  async paste(text: string): Promise<void> {
    await writeFile(this.#path('pasted'), text);
    await this.#tmux('load-buffer', this.#path('pasted'));
    await this.#tmux('paste-buffer', '-d', '-r');
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** An empty screen with nothing above it; for when the prompt is there. */
  async clear(): Promise<void> {
    await this.press('C-l');
    await this.#seen('an empty screen', 10, async () => (await this.screen()).length === 1 || undefined);
    await this.#tmux('clear-history');
  }

  /** The rows of the screen, without empty ones at its end. */
  async screen(): Promise<string[]> {
    return trimmed(await this.#tmux('capture-pane', '-p'));
  }

  /** The screen and what has scrolled out of it. Lines that were broken at the terminal's width are whole. */
  async text(): Promise<string[]> {
    return trimmed(await this.#tmux('capture-pane', '-p', '-J', '-S', '-')).map((line) => line.trimEnd());
  }

  /** Everything that came to the terminal so far, control codes and all. */
  written(): Promise<string> {
    return readFile(this.#path('written'), 'utf8');
  }

  /** Resolves to the screen once it is as it should be; throws with the screen as it was. */
  async until(wanted: string | RegExp | ((screen: string[]) => boolean), seconds = 60): Promise<string[]> {
    const holds = (screen: string[]): boolean => {
      if (typeof wanted === 'function') return wanted(screen);
      const text = screen.join('\n');
      return typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text);
    };
    return this.#seen(String(wanted), seconds, async () => {
      const screen = await this.screen();
      return holds(screen) ? screen : undefined;
    });
  }

  #seen<T>(what: string, seconds: number, ask: () => Promise<T | undefined>): Promise<T> {
    return eventually(what, ask, seconds).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${(await this.screen()).join('\n')}`, { cause: error });
    });
  }

  /** What a program may leave behind in a terminal. */
  async mode(): Promise<{ cursor: boolean; otherScreen: boolean }> {
    const flags = await this.#tmux('display-message', '-p', '#{cursor_flag} #{alternate_on}');
    const [cursor, otherScreen] = flags.trim().split(' ');
    return { cursor: cursor === '1', otherScreen: otherScreen === '1' };
  }

  /** Ends the terminal and all that runs in it. */
  async close(): Promise<void> {
    await this.#tmux('kill-server');
    servers.delete(this.#socket);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
