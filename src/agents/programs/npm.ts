/** Pure: programs of the npm registry. */
import type { Program } from '../agent.ts';
import { inContainer } from './container.ts';
import { exact, portable, wrapper } from './portable.ts';

/** A package of the npm registry, and which program of it is wanted. */
export interface NpmPackage {
  package: string;
  /** The program, as the package calls it: `bin/<bin>` of the program's folder. */
  bin: string;
  /** Arguments of Node itself. */
  nodeArguments?: readonly string[];
  /**
   * Where the package is a binary for each platform: patterns of its path below `node_modules`, of which the first that starts is taken. Node
   * does not come along then.
   */
  native?: readonly string[];
  /** Folders of programs that it would like to find, patterns below `node_modules`: at the end of PATH, after all that the image has. */
  tools?: readonly string[];
  /** What nothing needs: patterns below `node_modules`. */
  without?: readonly string[];
  /** Whether its packages' own scripts run: the default is that none does. */
  scripts?: boolean;
  /** Arguments with which it ends at once, and with exit code 0, where it can start; default: `--version`. */
  check?: string;
}

const NODE_IMAGE = 'node:26-slim';
/** The oldest Node that runs all of them. */
const NODE_MAJOR = 22;
/** What an image gets that has none, or an older one: the npm registry has Node itself, too. */
const NODE_PACKAGE = 'node@26';

const MODULES = '$SB/npm/node_modules';
const NODE = '$SB/node/bin/node';

const paths = (patterns: readonly string[]): string =>
  patterns.map((pattern) => `"${MODULES}"/${pattern}`).join(' ');

const install = ({ package: name, scripts = false }: NpmPackage, version: string): string =>
  `npm install --prefix "$SB/npm" --no-audit --no-fund --no-package-lock --omit=dev ${scripts ? '' : '--ignore-scripts '}'${name}@${exact(version)}'`;

/** Shell: sets `program` to the first of the binaries that starts, and drops the others. */
const chosen = ({ native = [], check = '--version' }: NpmPackage): string =>
  `program=
for candidate in ${paths(native)}; do
  if [ -z "$program" ] && [ -f "$candidate" ] && chmod 755 "$candidate" && "$candidate" ${check} >/dev/null 2>&1; then
    program=$candidate
  elif [ "$candidate" != "$program" ]; then
    rm -f "$candidate"
  fi
done`;

/** Shell: the wrapper in `bin`. */
function started(program: NpmPackage): string {
  const { bin, native, tools = [], nodeArguments = [] } = program;
  if (!native) {
    const entry = `program=$(readlink -f "${MODULES}/.bin/${bin}")`;
    return [entry, wrapper(bin, [NODE, ...nodeArguments, '$program'].join(' '))].join('\n');
  }
  if (tools.length === 0) return wrapper(bin, '$program');
  return [
    'tools=',
    `for folder in ${paths(tools)}; do [ ! -d "$folder" ] || tools="$tools:$folder"; done`,
    wrapper(bin, 'env "PATH=\\$PATH$tools" $program'),
  ].join('\n');
}

/** Maps, and TypeScript, which Node reads none of below `node_modules`; and folders that have nothing left. */
const TRIM = `find "${MODULES}" -type f \\( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' \\) -delete
find "${MODULES}" -depth -type d \\( -path '*/prebuilds/darwin-*' -o -path '*/prebuilds/win32-*' \\) -exec rm -rf {} +
find "${MODULES}" -depth -type d -empty -delete`;

const dropped = ({ without = [] }: NpmPackage): string =>
  without.length === 0 ? '' : `rm -rf ${paths(without)}`;

/** Lines of which some may be empty. */
const script = (...parts: string[]): string => parts.filter((part) => part !== '').join('\n');

const OWN_NODE = `mkdir -p "$SB/node/bin"
strip --strip-unneeded -o "${NODE}" /usr/local/bin/node
carry "${NODE}"`;

const dockerfile = (program: NpmPackage, version: string): string =>
  portable({
    before: [`FROM ${NODE_IMAGE} AS node`],
    packages: ['binutils', 'libatomic1', 'libstdc++6'],
    copies: [
      'COPY --from=node /usr/local/bin/node /usr/local/bin/node',
      'COPY --from=node /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm',
      'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
    ],
    script: script(
      install(program, version),
      ...(program.native
        ? [
            chosen(program),
            `[ -n "$program" ] || { echo '${program.package} ${version} has no binary for this platform' >&2; exit 1; }`,
            'carry "$program"',
          ]
        : [OWN_NODE]),
      dropped(program),
      TRIM,
      started(program),
    ),
    check: `"$SB/bin/${program.bin}" ${program.check ?? '--version'}`,
  });

/** Shell: npm, and a Node that is new enough. */
const withNode = (program: NpmPackage): string =>
  script(
    `command -v npm >/dev/null 2>&1 || packages nodejs npm ||
  give_up "the image has no npm, and no package manager of it (apt-get, apk, dnf) could install one"`,
    program.native
      ? ''
      : `node_major() { "$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0; }
mkdir -p "$SB/node/bin"
if [ "$(node_major node)" -ge ${NODE_MAJOR} ]; then
  ln -sf "$(command -v node)" "${NODE}"
else
  npm install --prefix "$SB/node" --no-audit --no-fund --no-package-lock ${NODE_PACKAGE} || true
  ln -sf "$SB/node/node_modules/node/bin/node" "${NODE}"
fi
[ "$(node_major "${NODE}")" -ge ${NODE_MAJOR} ] ||
  give_up "it needs Node ${NODE_MAJOR} or newer; the image has $(node --version 2>/dev/null || echo none), and the npm registry has none that runs in it"`,
  );

const installed = (program: NpmPackage, version: string): string =>
  `${script(
    inContainer(program.bin),
    withNode(program),
    `${install(program, version)} || give_up "npm could not install ${program.package} ${version}"`,
    ...(program.native
      ? [
          chosen(program),
          `[ -n "$program" ] || give_up "${program.package} ${version} has no binary that runs in this image"`,
        ]
      : []),
    started(program),
    `"$SB/bin/${program.bin}" ${program.check ?? '--version'} || give_up "it was installed, and does not start"`,
  )}\n`;

/** How a program of the npm registry comes into a container. */
export const npmProgram = (program: NpmPackage): Program => ({
  dockerfile: (version) => dockerfile(program, version),
  install: (version) => installed(program, version),
});
