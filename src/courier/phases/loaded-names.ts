/** Names of what is loaded unasked: by shells, interpreters, package managers and test runners. Pure. */
import { posix } from 'node:path';

const OF_ETC =
  /^(profile|environment|bash\.?bashrc|bashrc|zshenv|hosts|nsswitch\.conf|(pip|uv)\.(conf|toml)|npmrc|gitconfig|wgetrc|curlrc)$/;
const OF_HOME =
  /^\.(bashrc|bash_profile|bash_login|bash_aliases|profile|zshenv|zshrc|curlrc|wgetrc|npmrc|gitconfig|netrc|pythonrc|pydistutils\.cfg|npm)$/;
const OF_CACHE = /^(pip|uv)$/;
const ANY = /./;
/** Of pip and uv, and what uv's installer has its user source; below a home. */
const CONFIGURATION = ['.config/pip', '.config/uv', '.pip', '.local/bin'];

/** Folders that such files lie in, beside `/`, `/etc` and the working directory; `~` is the verifier's home. */
export const UNASKED = [
  '~',
  '~/.cache',
  ...CONFIGURATION.map((folder) => `~/${folder}`),
  '/etc/alternatives',
  '/etc/profile.d',
];

/** Of test runners: what is loaded before any test. */
const OF_RUNNERS = /^(conftest\.py|pytest\.ini|\.pytest\.ini|pyproject\.toml|tox\.ini|setup\.cfg)$/;

/** Modules that tests import: a file or package of the name in the working directory is found first by `python -m`. */
const MODULES =
  /^(pytest|_pytest|pluggy|iniconfig|packaging|unittest|json|os|re|sys|io|math|time|random|string|pathlib|subprocess|shutil|tempfile|typing|types|collections|functools|itertools|dataclasses|datetime|decimal|hashlib|copy|csv|glob|logging|inspect|importlib|contextlib|socket|threading|urllib|http|requests|numpy|pandas|yaml|toml|tomllib|sitecustomize|usercustomize)(\.py|\/)$/;

export const isRunnersFile = (name: string): boolean => OF_RUNNERS.test(name);

/** Whether modules are found there by every Python. */
export const isBelowPython = (folder: string): boolean =>
  /\/lib\/python3(\.\d+)?(\/(dist|site)-packages)?$/.test(folder);

/** Whether it is read first, by a program that nobody told to. A folder's path ends in a slash. */
export function isStartupFile(path: string, { workdir, home }: { workdir: string; home: string }): boolean {
  const { dir, base } = posix.parse(path);
  const name = path.endsWith('/') ? `${base}/` : base;
  if (base.endsWith('.pth') && isBelowPython(dir)) return true;
  const names: Record<string, RegExp> = {
    '/etc': OF_ETC,
    '/etc/profile.d': ANY,
    ...Object.fromEntries(CONFIGURATION.map((folder) => [posix.join(home, folder), ANY])),
    [posix.join(home, '.cache')]: OF_CACHE,
    [home]: OF_HOME,
  };
  const isOfWork = dir === workdir && (OF_RUNNERS.test(base) || MODULES.test(name));
  return isOfWork || names[dir]?.test(base) === true;
}

/** Shells and basic tools, by Debian's package: nobody's work replaces them, but an upgrade may. */
const TOOLS: Record<string, string> = {
  bash: 'bash rbash',
  dash: 'sh dash',
  coreutils:
    '[ basename cat chmod chown cp cut date dirname echo env expr false head id ls mkdir mv nohup od paste printf pwd readlink realpath rm rmdir seq sha256sum sleep sort stat tail tee test timeout touch tr true uname uniq wc md5sum',
  grep: 'grep egrep fgrep',
  sed: 'sed',
  mawk: 'awk mawk',
  diffutils: 'cmp diff',
  findutils: 'find xargs',
  'perl-base': 'perl',
  'python3-minimal': 'python3 python',
  busybox: 'busybox',
};

const listOf = (debian: string): string => `/var/lib/dpkg/info/${debian}.list`;

const LIST_OF_TOOL = new Map(
  Object.entries(TOOLS).flatMap(([debian, names]) =>
    names.split(' ').map((name): [string, string] => [name, listOf(debian)]),
  ),
);

/** What package managers write when they put other files in place. */
export const PACKAGE_LISTS = [
  ...Object.keys(TOOLS).map(listOf),
  '/lib/apk/db/installed',
  '/usr/lib/apk/db/installed',
  '/var/lib/rpm/rpmdb.sqlite',
  '/usr/lib/sysimage/rpm/rpmdb.sqlite',
];

/** The package list that an upgrade of this tool changes; undefined for a program that is none of them. */
export const packageListOf = (program: string): string | undefined => LIST_OF_TOOL.get(program);
