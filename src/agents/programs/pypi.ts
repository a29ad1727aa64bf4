/** Pure: programs of the Python Package Index. */
import type { Program } from '../agent.ts';
import { inContainer } from './container.ts';
import { packing } from './packed.ts';
import { exact, portable, type Base } from './portable.ts';

/** A package of PyPI, and which program of it is wanted. */
export interface PypiPackage {
  package: string;
  /** The program, as the package calls it: `bin/<bin>` of the program's folder. */
  bin: string;
  /** What it needs besides, as pip takes it. */
  with?: readonly string[];
  /** What nothing needs: patterns below `site-packages`. */
  without?: readonly string[];
  /** Packages of many modules, of which none lists its own folder: those modules become one file. */
  packed?: readonly string[];
  /** The Python that its image brings; default: 3.13. */
  python?: keyof typeof BASES;
  /** The oldest one that it can be installed with in a container; default: 3.10. */
  oldestPython?: `3.${number}`;
  /** Arguments with which it ends at once, and with exit code 0, where it can start; default: `--version`. */
  check?: string;
}

/** Pages of LiteLLM's server. Its modules stay: a call that fails loads some of them, and without them nobody learns why it did. */
export const LITELLM_PAGES = ['litellm/proxy/_experimental/out', 'litellm/proxy/swagger'];

/** What LiteLLM and programs in a terminal load most of their modules from. */
export const LARGE = [
  'litellm',
  'openai',
  'huggingface_hub',
  'pydantic',
  'prompt_toolkit',
  'pygments',
  'rich',
];

/** Debian's Pythons. */
const BASES = {
  '3.13': 'debian:trixie-slim',
  '3.11': 'debian:bookworm-slim',
} as const satisfies Record<string, Base>;

const requirements = ({ package: name, with: others = [] }: PypiPackage, version: string): string =>
  [`${name}==${exact(version)}`, ...others].map((one) => `'${one}'`).join(' ');

/**
 * Debian's interpreter at a place of its own, with all that its library needs; those libraries of C's that packages are linked against are
 * loaded with it, so that none is looked for in the image.
 */
const INTERPRETER = `mkdir -p "$SB/python/bin" "$SB/python/lib" "$SB/lib"
python=$(readlink -f /usr/bin/python3)
name=$(basename "$python")
cp "$python" "$SB/python/bin/$name"
cp -a "/usr/lib/$name" "$SB/python/lib/"
rm -rf "$SB/python/lib/$name"/test "$SB/python/lib/$name"/idlelib "$SB/python/lib/$name"/ensurepip "$SB/python/lib/$name"/config-*
libraries "$SB/python/lib/$name"/lib-dynload/*.so
for needed in libc.so.6 libm.so.6 libdl.so.2 librt.so.1 libpthread.so.0 libutil.so.1 libresolv.so.2 libgcc_s.so.1 libstdc++.so.6; do
  cp -L /lib/*-linux-gnu/"$needed" "$SB/lib/"
  [ "$needed" = libc.so.6 ] || patchelf --add-needed "$needed" "$SB/python/bin/$name"
done
carry "$SB/python/bin/$name"
"$SB/python/bin/$name" -m venv --without-pip "$SB/venv"`;

/**
 * Compiled once, and without the sources of what is: half as many files are copied into each Pod, and none of them is ever compiled there. A file is
 * taken as it is, whatever its time.
 */
const COMPILED = `find "$SB/python/lib" "$SB/venv/lib" -name __pycache__ -type d -prune -exec rm -rf {} +
"$SB/venv/bin/python" -m compileall -q -b -j 0 --invalidation-mode unchecked-hash "$SB/python/lib" "$SB/venv/lib" || true
find "$SB/python/lib" "$SB/venv/lib" -name '*.pyc' | sed 's/c$//' | xargs -d '\\n' rm -f`;

const dockerfile = (program: PypiPackage, version: string): string =>
  portable({
    base: BASES[program.python ?? '3.13'],
    packages: ['libstdc++6', 'python3', 'python3-pip', 'python3-venv'],
    script: [
      INTERPRETER,
      `python3 -m pip --python "$SB/venv/bin/python" install --no-cache-dir --no-compile --disable-pip-version-check ${requirements(program, version)}`,
      'site=$(echo "$SB"/venv/lib/python3*/site-packages)',
      ...(program.without ?? []).map((pattern) => `rm -rf "$site"/${pattern}`),
      'find "$site" -depth -type d \\( -name tests -o -name test \\) -exec rm -rf {} +',
      COMPILED,
      ...(program.packed ? [packing(program.packed)] : []),
      `ln -s "../venv/bin/${program.bin}" "$SB/bin/${program.bin}"`,
    ].join('\n'),
    check: `"$SB/bin/${program.bin}" ${program.check ?? '--version'}`,
  });

const installed = (program: PypiPackage, version: string): string => {
  const oldest = program.oldestPython ?? '3.10';
  const minor = oldest.slice('3.'.length);
  return `${inContainer(program.bin)}
has_python() { python3 -c 'import sys; sys.exit(sys.version_info < (3, ${minor}))' >/dev/null 2>&1; }
has_python || packages python3 >&2 || true
has_python ||
  give_up "it needs Python ${oldest} or newer; the image has $(python3 --version 2>/dev/null || echo none), and its package manager (apt-get, apk, dnf) has none"
python3 -m venv "$SB/venv" >/dev/null 2>&1 || { packages python3-venv >&2 || packages python3-pip >&2 || true; python3 -m venv --clear "$SB/venv"; } ||
  give_up "the image's Python makes no virtual environments: it lacks venv or ensurepip"
"$SB/venv/bin/python" -m pip install --no-cache-dir --disable-pip-version-check ${requirements(program, version)} ||
  give_up "pip could not install ${program.package} ${version}"
ln -sf "../venv/bin/${program.bin}" "$SB/bin/${program.bin}"
"$SB/bin/${program.bin}" ${program.check ?? '--version'} || give_up "it was installed, and does not start"
`;
};

/** How a program of PyPI comes into a container: its image brings an interpreter of its own. */
export const pypiProgram = (program: PypiPackage): Program => ({
  dockerfile: (version) => dockerfile(program, version),
  install: (version) => installed(program, version),
});
