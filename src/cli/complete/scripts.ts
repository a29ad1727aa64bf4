/** What a shell reads once: each asks `sb __complete` at every Tab, so a new sb needs no new script. */
import { FILES } from './candidates.ts';

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
