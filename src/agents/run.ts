/** Pure: parts of the scripts that run programs. `bash` or `sh` runs them, whichever the image has. */
import { PROGRAM_FOLDER } from './agent.ts';

/** Where programs may write: their sessions and settings are kept with the Trial, whoever they run as and whether or not that user has a home. */
export const writable = (agent: string): string => `/logs/agent/${agent}`;

/** The first lines of every script: a user whom the image does not know has no home, and some programs do not start without one. */
export const begin = (agent: string): string[] => [
  `mkdir -p ${writable(agent)} || exit`,
  `[ -w "\${HOME:-}" ] || export HOME=${writable(agent)}`,
];

/**
 * Lines for programs that run the model's commands by `bash` alone: where the image has none, `sh` stands in for it, behind all that the image
 * has in PATH. `shopt` does nothing there.
 */
export const bashOrSh = (agent: string): string[] => [
  `if ! command -v bash >/dev/null; then
  mkdir -p ${writable(agent)}/bin
  cat > ${writable(agent)}/bin/bash <<'SB_BASH'
#!/bin/sh
[ "$1" = -c ] || exec /bin/sh "$@"
command=$2
shift 2
exec /bin/sh -c "shopt() { :; }
$command" "$@"
SB_BASH
  chmod 755 ${writable(agent)}/bin/bash
  export PATH="$PATH:${writable(agent)}/bin"
fi`,
];

/** For a program that has all commands of its model run by bash or zsh, in words that `sh` does not know. */
export const needsBash = (
  who: string,
): string => `command -v bash >/dev/null || command -v zsh >/dev/null || {
  echo '${who} needs bash or zsh, and the image has neither: put one into it, or choose another agent'
  exit 1
}`;

/** A program by its full path: its folder is not in PATH, so that what the task brings is not shadowed. */
export const program = (bin: string): string => `${PROGRAM_FOLDER}/bin/${bin}`;

/** Lines that put the task's skills where the program looks for them. `skillsVariable` has their folder. */
export const copiedSkills = (skills: string | undefined, into: string): string[] =>
  skills === undefined ? [] : [`mkdir -p "${into}" && cp -R "$SB_SKILLS_DIR/." "${into}/" || exit`];

/** Variables of every such script. */
export const skillsVariable = (skills: string | undefined): Record<string, string> =>
  skills === undefined ? {} : { SB_SKILLS_DIR: skills };

export const lines = (...texts: readonly string[]): string => `${texts.join('\n')}\n`;
