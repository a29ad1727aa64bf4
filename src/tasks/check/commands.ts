/** Rules about what scripts and Dockerfiles run. */
import type { RuleName } from './rules.ts';
import { commandsOf, type ShellCommand } from './shell.ts';

interface CommandMessage {
  rule: RuleName;
  message: string;
}

/** What is to be said against a line; `separate`: it is part of the script of a verifier with an image of its own. */
export function commandMessages(text: string, { separate }: { separate: boolean }): CommandMessage[] {
  const commands = commandsOf(text);
  return commands.flatMap((command, index) => [
    ...unpinnedPackages(command),
    ...(separate ? atTrialTime(command, commands[index + 1]) : []),
  ]);
}

const hasOption = (words: readonly string[], ...names: string[]): boolean =>
  words.some((word) => names.includes(word.split('=', 1)[0] ?? ''));

function unpinnedPackages({ words }: ShellCommand): CommandMessage[] {
  if (hasOption(words, '-c', '--constraint')) return [];
  const open = packagesOf(words).filter(isUnpinned);
  if (open.length === 0) return [];
  const names = open.map((name) => JSON.stringify(name)).join(', ');
  const message = `${names} may become another version at any time; expected name==version, or a file of requirements or constraints`;
  return [{ rule: 'unpinned-python-dependency', message }];
}

function atTrialTime(command: ShellCommand, next: ShellCommand | undefined): CommandMessage[] {
  const { words, output, separator } = command;
  const found: CommandMessage[] = [];
  const tools = packagesOf(words).filter((name) =>
    ['pytest', 'pytest-json-ctrf'].includes(
      (name.split(/[<>=!~[]/)[0] ?? '').toLowerCase().replaceAll('_', '-'),
    ),
  );
  if (tools.length > 0 && !hasOption(words, '--offline', '--no-index'))
    found.push({
      rule: 'verifier-runtime-install',
      message: `${tools.join(', ')} is installed at each trial; expected it in the verifier's image`,
    });
  if (downloads({ words, output }, separator === '|' ? (next?.words ?? []) : []))
    found.push({
      rule: 'verifier-network-download',
      message: `${words[0]} downloads at each trial; expected the file in the verifier's image (ignore this rule where a live service is what is tested)`,
    });
  return found;
}

/** Options of pip and uv that take a value which is no package. */
const WITH_VALUE = new Set(
  (
    '-r --requirement -c --constraint -i --index-url --extra-index-url -t --target --prefix --root --cache-dir --python -p --log --src ' +
    '--find-links -f --platform --config-settings -C --index --default-index --from ' +
    // pip’s own
    '--build-constraint --python-version --implementation --abi --upgrade-strategy --global-option --progress-bar --root-user-action ' +
    '--report --group --no-binary --only-binary --keyring-provider --proxy --retries --timeout --exists-action --trusted-host --cert ' +
    '--client-cert --use-feature --use-deprecated ' +
    // uv’s own
    '-b --build-constraints --exclude-newer --index-strategy --link-mode --torch-backend --override --overrides --resolution ' +
    '--prerelease --fork-strategy --extra -P --upgrade-package --reinstall-package --refresh-package --config-setting ' +
    '--python-platform --allow-insecure-host --color --directory --project --config-file --env-file --with-requirements'
  ).split(' '),
);

const INSTALLERS: readonly RegExp[] = [
  /^pip3? install /,
  /^python3? -m pip install /,
  /^uv (pip|tool) install /,
  /^uvx /,
];

/** Requirements that a command installs from an index. */
export function packagesOf(words: readonly string[]): string[] {
  const call = `${words.join(' ')} `;
  const [installer] = INSTALLERS.flatMap((pattern) => pattern.exec(call)?.[0] ?? []);
  if (installer === undefined) return [];
  const args = words.slice(installer.trimEnd().split(' ').length);
  const packages = requirements(args, words[0] === 'uvx');
  const upgradesItself = packages.join() === 'pip' && hasOption(args, '-U', '--upgrade');
  return upgradesItself ? [] : packages;
}

function requirements(args: readonly string[], onlyOptions: boolean): string[] {
  const found: string[] = [];
  const rest = args.values();
  for (const word of rest) {
    const [flag = '', ...values] = word.split('=');
    const value = (): string => (values.length > 0 ? values.join('=') : (rest.next().value ?? ''));
    if (flag === '--with' || flag === '-w') found.push(value());
    else if (flag === '-e' || flag === '--editable')
      found.push(...[value()].filter((target) => target.includes('://')));
    else if (WITH_VALUE.has(flag)) value();
    else if (!word.startsWith('-')) {
      // What follows the tool’s name are its own arguments.
      if (onlyOptions) break;
      found.push(word);
    }
  }
  return found;
}

/** A requirement as PEP 508 writes it: name, extras, versions, marker. */
const REQUIREMENT = /^[A-Za-z0-9][\w.-]*\s*(\[[^\]]*\])?\s*\(?(?<versions>[^;]*?)\)?\s*(;.*)?$/;

function isUnpinned(name: string): boolean {
  if (name === '' || /[$`]/.test(name) || /^(\.|\/|file:)/.test(name)) return false;
  if (name.includes('://')) return !/@[0-9a-f]{40}(#|$)|#sha256=[0-9a-f]{64}$/i.test(name);
  if (/\.(whl|tar\.gz|zip)$/.test(name)) return false;
  const versions = REQUIREMENT.exec(name)?.groups?.['versions'];
  if (versions === undefined || !/^([<>=!~].*)?$/.test(versions)) return false;
  return !versions.split(',').some((part) => /^\s*===?[^=]/.test(part) && !part.includes('*'));
}

const DOWNLOADERS = ['curl', 'wget', 'git'];

interface Call {
  words: readonly string[];
  output: string | undefined;
}

export function downloads({ words: [name = '', ...args], output }: Call, piped: readonly string[]): boolean {
  if (!DOWNLOADERS.includes(name) || !args.some(isExternal)) return false;
  if (name === 'git') return args[0] === 'clone';
  if (['sh', 'bash'].includes(piped[0] ?? '')) return true;
  // A probe of a service does not keep what it got.
  if (args.some((arg) => ['--spider', '-O-', '-qO-'].includes(arg))) return false;
  return keeps(name, args, output);
}

function isExternal(arg: string): boolean {
  if (/^git@[^:]+\.[^:]+:/.test(arg)) return true;
  const url = arg.replace(/^--url=/, '');
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return hostname.includes('.') && !hostname.startsWith('127.') && !hostname.endsWith('.localhost');
}

const OUTPUT = ['-o', '--output', '-O', '--output-document'];
/** `--output=file`, and curl's `-ofile`. */
const JOINED = /^--output(?:-document)?=(?<file>.*)/;
const CURL_JOINED = /^-o(?<file>.+)/;

/** Whether the command writes what it got into a file. */
function keeps(name: string, args: readonly string[], output: string | undefined): boolean {
  const places = args.flatMap((arg, index) => placeOf(name, arg, args[index + 1] ?? ''));
  const isFile = (place: string): boolean => !['', '-', '/dev/null'].includes(place) && !place.includes('$');
  const [place] = places;
  if (place !== undefined) return isFile(place);
  return name === 'wget' || (output !== undefined && isFile(output));
}

function placeOf(name: string, arg: string, next: string): string[] {
  if (name === 'curl' && arg === '-O') return ['a file of the same name'];
  if (OUTPUT.includes(arg)) return [next];
  const joined = JOINED.exec(arg) ?? (name === 'curl' ? CURL_JOINED.exec(arg) : null);
  return joined?.groups ? [joined.groups['file'] ?? ''] : [];
}
