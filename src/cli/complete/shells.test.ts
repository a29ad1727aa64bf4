import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { needInstalled, needTerminal, PseudoTerminal } from '../../../test/support/terminal/tmux.ts';
import { folderOf, type Folder } from '../../../test/support/folder.ts';
import { FILES, SCRIPTS, SHELLS, type Shell } from './complete.ts';

const ARN = 'arn:aws:eks:eu-west-1:1:cluster';

/** What `sb __complete` prints is made by answer.ts; here all of it comes from a list. */
const CANDIDATES = [
  'version\tPrints the versions',
  'check\tFinds all problems of all tasks',
  'hash\tPrints the version that each task has',
  'pack\tWrites what an upload would send',
  '--client\tof sb alone',
  '--output=yaml',
  `${ARN}/one`,
  `${ARN}/two`,
  'my cluster',
  '@home',
  'admin@kind',
  `--context=${ARN}/one`,
];

/** Completes from the list, and for paths after `check`; anything else it is told to do it shows, argument by argument. */
const SB = `#!/bin/sh
case "$1 $4" in
  completion*) exec cat "$HOME/script.$2" ;;
  '__complete check') echo '${FILES}' ;;
  __complete*)
    for word; do :; done
    while read -r line; do case "$line" in "$word"*) printf '%s\\n' "$line" ;; esac done < "$HOME/candidates" ;;
  *) printf '<%s>' "$@"; echo ;;
esac
`;

/** What somebody puts into the shell's file, as `sb completion --help` says, and a prompt to wait for. */
const HOME = {
  'bin/sb': SB,
  candidates: CANDIDATES.map((line) => `${line}\n`).join(''),
  ...Object.fromEntries(SHELLS.map((shell) => [`script.${shell}`, SCRIPTS[shell]])),
  bashrc: "PS1='ready> '\nsource <(sb completion bash)\n",
  '.zshrc': "PS1='ready> '\nautoload -U compinit\ncompinit -u -D\nsource <(sb completion zsh)\n",
  'fish/config.fish': "function fish_prompt\n  echo 'ready> '\nend\nsb completion fish | source\n",
  // Where this folder is missing fish fills it, in a process that outlives the shell.
  '.local/share/fish/generated_completions/none': '',
  'my task/task.toml': '',
};

const START: Record<Shell, string> = {
  bash: 'bash --rcfile bashrc -i',
  zsh: 'zsh -i',
  fish: 'fish --private',
};

for (const shell of SHELLS)
  describe(`Completion in ${shell}`, () => {
    let folder: Folder | undefined;
    let terminal: PseudoTerminal | undefined;

    before(async function () {
      needTerminal(this);
      needInstalled(`/usr/bin/${shell}`, this);
      folder = await folderOf(HOME);
      const { path } = folder;
      await chmod(join(path, 'bin/sb'), 0o755);
      const env = { HOME: path, ZDOTDIR: path, XDG_CONFIG_HOME: path };
      terminal = await PseudoTerminal.open({
        cwd: path,
        env: { PATH: `${join(path, 'bin')}:/usr/bin:/bin`, ...env },
        columns: 120,
      });
      await terminal.enter(START[shell]);
      await terminal.until('ready>');
    });
    after(async () => {
      await terminal?.close();
      // The shell has been told to go, and may still write what it remembers.
      if (folder) await rm(folder.path, { recursive: true, force: true, maxRetries: 20 });
    });

    /** Types, presses Tab and Enter, and waits for what sb was called with. */
    const completes = async (typed: string, called: string): Promise<void> => {
      await terminal?.press(typed, 'Tab', 'Enter');
      await terminal?.until(called);
    };

    it('finishes commands and options, also behind other words', async () => {
      await completes('sb ver', '<version>');
      await completes('true; X=1 sb task ha', '<task><hash>');
      await completes('sb version --output=y', '<version><--output=yaml>');
      await completes('sb version --context "my cluster" --cl', '<version><--context><my cluster><--client>');
    });

    it('finishes names with colons part by part', async () => {
      await terminal?.press('sb version --context arn', 'Tab');
      await terminal?.until(`--context ${ARN}/`);
      await completes('t', `<version><--context><${ARN}/two>`);
      await completes(`sb version --context=${ARN}/o`, `<version><--context=${ARN}/one>`);
    });

    it('finishes names with @, wherever it stands', async () => {
      await completes('sb version --context @h', '<version><--context><@home>');
      await completes('sb version --context admin@k', '<version><--context><admin@kind>');
    });

    it('quotes names with spaces, and knows them quoted', async () => {
      const called = '<--context><my cluster>';
      await completes('sb version --context my', `<version>${called}`);
      await completes('sb run ls --context my\\ c', `<run><ls>${called}`);
      await completes('sb doctor --context "my c', `<doctor>${called}`);
    });

    it('finishes paths as the shell does', async () => {
      await terminal?.press('sb task check my', 'Tab', 'Enter');
      await terminal?.until(/<task><check><my task\/?>/);
    });

    it(`shows what there is${shell === 'bash' ? '' : ', and what it is'}`, async () => {
      await terminal?.press('sb task ', ...(shell === 'bash' ? ['Tab', 'Tab'] : ['Tab']));
      await terminal?.until(
        shell === 'bash' ? /check\s[^$]*hash\s[^$]*pack/ : /hash\W+Prints the version that each task has/,
      );
    });
  });
