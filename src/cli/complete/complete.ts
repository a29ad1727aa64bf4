/** Completion in a shell: what may come next on a command line, out of commander’s own tree, and the scripts that ask for it at every Tab, so that a new sb needs no new script. */
import type { Argument, Command, Option } from 'commander';
import { safeLine } from '../../text/safe.ts';
import type { SessionOptions } from '../../client/session/types.ts';

/** Names that only the cluster or the kubeconfig knows. */
export type Names = 'contexts' | 'namespaces' | 'runs' | 'trials' | 'sandboxes';

/** What may stand where the cursor is. */
type Candidates =
  | { kind: 'words'; words: [word: string, about: string][] }
  | { kind: 'names'; names: Names }
  | { kind: 'files' }
  | { kind: 'nothing' };

/** `words` are those before the cursor without `sb`; the last is the one under it, empty after a space. */
function candidates(root: Command, words: readonly string[]): Candidates {
  const current = words.at(-1) ?? '';
  const { command, given, open } = follow(root, words.slice(0, -1));
  if (open) return ofOption(open);
  const assigned = /^(--[^=]+)=/.exec(current)?.[1];
  if (assigned !== undefined) {
    const option = optionsOf(command).find(({ long }) => long === assigned);
    return option ? ofOption(option) : { kind: 'nothing' };
  }
  if (current.startsWith('-')) return { kind: 'words', words: optionsOf(command).flatMap(asWords) };
  const children = subcommands(command);
  if (children.length > 0)
    return {
      kind: 'words',
      words: children.map((child) => [child.name(), firstSentence(child.description())]),
    };
  const { registeredArguments: all } = command;
  const argument = all[given] ?? all.findLast(({ variadic }) => variadic);
  return argument ? ofArgument(argument) : { kind: 'nothing' };
}

interface Place {
  command: Command;
  /** Arguments given to it. */
  given: number;
  /** Option whose value comes next. */
  open?: Option;
}

/** The command that the words lead to. */
function follow(root: Command, words: readonly string[]): Place {
  let place: Place = { command: root, given: 0 };
  for (const word of words) place = step(place, word);
  return place;
}

function step({ command, given, open }: Place, word: string): Place {
  if (open) return { command, given };
  if (word.startsWith('-')) {
    const option = optionsOf(command).find(({ short, long }) => word === short || word === long);
    return { command, given, ...(option?.required && { open: option }) };
  }
  const child = subcommands(command).find((one) => one.name() === word || one.aliases().includes(word));
  return child ? { command: child, given: 0 } : { command, given: given + 1 };
}

const isHidden = (command: Command): boolean => command.name().startsWith('__');

const subcommands = (command: Command): Command[] => command.commands.filter((child) => !isHidden(child));

/** Its own options, and those of the commands above it. */
const optionsOf = (command: Command): Option[] => [
  ...command.options.filter(({ hidden }) => !hidden),
  ...(command.parent ? optionsOf(command.parent) : []),
];

const asWords = ({ long, description }: Option): [string, string][] =>
  long === undefined ? [] : [[long, firstSentence(description)]];

const firstSentence = (text: string): string => text.split(/[.;:(\n]/, 1)[0]?.trim() ?? '';

const fixed = (choices: readonly string[]): Candidates => ({
  kind: 'words',
  words: choices.map((choice) => [choice, '']),
});

function ofOption({ argChoices, long, flags }: Option): Candidates {
  if (argChoices) return fixed(argChoices);
  if (long === '--context') return { kind: 'names', names: 'contexts' };
  if (long === '--namespace') return { kind: 'names', names: 'namespaces' };
  return byName(/<([^>.]+)/.exec(flags)?.[1] ?? '');
}

const ofArgument = (argument: Argument): Candidates =>
  argument.argChoices ? fixed(argument.argChoices) : byName(argument.name());

/** Arguments and values are called after what they are. */
function byName(name: string): Candidates {
  if (['path', 'file', 'folder'].includes(name)) return { kind: 'files' };
  if (name === 'run') return { kind: 'names', names: 'runs' };
  if (name === 'trial') return { kind: 'names', names: 'trials' };
  if (name === 'sandbox' || name === 'pool') return { kind: 'names', names: 'sandboxes' };
  return { kind: 'nothing' };
}

/** Says to the shell's function: complete the names of files. */
export const FILES = ':files';

/** Asks cluster or kubeconfig for names; what cannot be had is an empty list. */
type LookUp = (names: Names, words: readonly string[]) => Promise<string[]>;

/** Lines for the shell's function: a candidate, a tab, what it is; those alone that begin as the word under the cursor does. */
export async function answer(root: Command, words: readonly string[], lookUp: LookUp): Promise<string[]> {
  const found = candidates(root, words);
  const current = words.at(-1) ?? '';
  const assigned = /^--[^=]+=/.exec(current)?.[0] ?? '';
  const fitting = (all: readonly [string, string][]): string[] =>
    all
      .map(([word, about]): [string, string] => [assigned + word, about])
      .filter(([word]) => word.startsWith(current))
      .map(([word, about]) => (about === '' ? word : `${word}\t${safeLine(about)}`));
  switch (found.kind) {
    case 'words':
      return fitting(found.words);
    case 'names': {
      const names = await lookUp(found.names, words);
      return fitting(names.map((name) => [safeLine(name), '']));
    }
    case 'files':
      return [FILES];
    case 'nothing':
      return [];
    default:
      return found satisfies never;
  }
}

const FLAGS: Record<string, keyof SessionOptions> = {
  '--context': 'context',
  '--kubeconfig': 'kubeconfig',
  '--namespace': 'namespace',
  '-n': 'namespace',
};

/** The cluster that a line which is still being typed is about. */
export function clusterIn(words: readonly string[]): SessionOptions {
  const options: SessionOptions = {};
  for (const [index, word] of words.slice(0, -1).entries()) {
    const [flag = '', joined] = word.split('=', 2);
    const value = joined ?? words.slice(0, -1)[index + 1];
    const name = FLAGS[flag];
    if (name !== undefined && value !== undefined) options[name] = value;
  }
  return options;
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

const bash = `# sb completion bash: put 'source <(sb completion bash)' into ~/.bashrc
_sb() {
  local line="\${COMP_LINE:0:COMP_POINT}" quotes=$'[\\\\\\\\"\\']' part before value about
  local -a words=()
  # Bash takes ":", "=" and "@" for words of their own; what stands together is one.
  for part in "\${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    [[ \${#words[@]} -gt 0 && "$line" != [[:space:]]* ]] || words+=('')
    line="\${line#"\${line%%[![:space:]]*}"}"
    part="\${line:0:\${#part}}"
    words[-1]+="$part"
    line="\${line:\${#part}}"
  done
  # A candidate takes the place of the last of them, with the "@" before it, but comes after ":" and "=".
  [[ "$part" == [:=] ]] && part=''
  before="\${words[-1]%"$part"}"
  before="\${before%@}"
  before="\${before//$quotes/}"
  words=("\${words[@]//$quotes/}")
  COMPREPLY=()
  while IFS=$'\\t' read -r value about; do
    if [[ "$value" == '${FILES}' ]]; then
      compopt -o default
    else
      value="\${value#"$before"}"
      [[ "$part" == [\\"\\']* ]] || printf -v value %q "$value"
      COMPREPLY+=("$value")
    fi
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _sb sb
`;

const zsh = `#compdef sb
# sb completion zsh: put 'source <(sb completion zsh)' into ~/.zshrc, after compinit
_sb() {
  local line name
  local -a found
  for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}"; do
    if [[ "$line" == '${FILES}' ]]; then
      _files
    elif [[ -n "$line" ]]; then
      name="\${line%%$'\\t'*}"
      found+=("\${name//:/\\\\:}\${\${line#"$name"}/$'\\t'/:}")
    fi
  done
  (( \${#found} )) && _describe -t words sb found
}
# As a file called _sb in $fpath this is itself the function.
if [[ "$funcstack[1]" == _sb ]]; then _sb "$@"; else compdef _sb sb; fi
`;

const fish = `# sb completion fish: put 'sb completion fish | source' into ~/.config/fish/config.fish
function __sb_complete
    set -l words (commandline -opc) (commandline -ct | string unescape | string collect --allow-empty)
    for line in ($words[1] __complete -- $words[2..] 2>/dev/null)
        if test "$line" = '${FILES}'
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c sb -f -a '(__sb_complete)'
`;

export const SCRIPTS: Record<Shell, string> = { bash, zsh, fish };
