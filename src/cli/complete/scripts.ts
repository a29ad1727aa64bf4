/** What a shell reads once: each asks `sb __complete` at every Tab, so a new sb needs no new script. */
import { FILES } from './answer.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

const bash = `# sb completion bash: put 'source <(sb completion bash)' into ~/.bashrc
_sb() {
  local line="\${COMP_LINE:0:COMP_POINT}" value about prefix
  local -a words
  read -ra words <<< "$line"
  [[ "$line" == *' ' ]] && words+=('')
  # Bash takes "@" and "=" for the end of a word: what stands before them is not to be put in again.
  prefix="\${words[-1]%"\${COMP_WORDS[COMP_CWORD]}"}"
  COMPREPLY=()
  while IFS=$'\\t' read -r value about; do
    if [[ "$value" == '${FILES}' ]]; then compopt -o default; else COMPREPLY+=("\${value#"$prefix"}"); fi
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _sb sb
`;

const zsh = `#compdef sb
# sb completion zsh: put 'source <(sb completion zsh)' into ~/.zshrc, after compinit
_sb() {
  local line
  local -a found
  for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ "$line" == '${FILES}' ]]; then
      _files
    elif [[ -n "$line" ]]; then
      line="\${line//:/\\\\:}"
      found+=("\${line/$'\\t'/:}")
    fi
  done
  (( \${#found} )) && _describe -t words sb found
}
compdef _sb sb
`;

const fish = `# sb completion fish: put 'sb completion fish | source' into ~/.config/fish/config.fish
function __sb_complete
    set -l words (commandline -opc) (commandline -ct)
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
