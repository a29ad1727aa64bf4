/**
 * Pure: modules of Python packages in one file. What is copied into each Pod is that file, and not thousands; all that is no module stays where it
 * was, and a module says that it lies where it would lie without this.
 */

/**
 * It comes before the search of folders: of a package, a folder with its data is left, which Python would take for a package without modules.
 * No line begins as an instruction of a Dockerfile does.
 */
const FINDER = `import importlib.machinery, importlib.readers, marshal, os, sys, types

SITE = os.path.dirname(__file__)

class Packed:
    def __init__(self):
        self.path = os.path.join(SITE, 'sb_packed.modules')
        with open(os.path.join(SITE, 'sb_packed.index'), 'rb') as file:
            self.index = marshal.loads(file.read())

    def find_spec(self, name, path=None, target=None):
        if name not in self.index:
            return None
        is_package = self.is_package(name)
        spec = importlib.machinery.ModuleSpec(name, self, origin=self.get_filename(name), is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations.append(os.path.dirname(spec.origin))
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, name):
        offset, size, _ = self.index[name]
        with open(self.path, 'rb') as file:
            file.seek(offset)
            return marshal.loads(file.read(size))

    def get_source(self, name):
        return None

    def get_data(self, path):
        with open(path, 'rb') as file:
            return file.read()

    def get_resource_reader(self, name):
        return importlib.readers.FileReader(types.SimpleNamespace(path=self.get_filename(name)))

    def is_package(self, name):
        return self.index[name][2]

    def get_filename(self, name):
        place = os.path.join(SITE, *name.split('.'))
        return os.path.join(place, '__init__.pyc') if self.is_package(name) else place + '.pyc'

sys.meta_path.insert(0, Packed())
`;

/** Takes the compiled modules of packages, and leaves no folder that nothing is left in. A file of Python's begins with 16 bytes of its own. */
const PACK = `import marshal, os, sys
site, *packages = sys.argv[1:]
index, offset = {}, 0
with open(os.path.join(site, 'sb_packed.modules'), 'wb') as packed:
    for package in packages:
        for folder, _, files in os.walk(os.path.join(site, package), topdown=False):
            for name in sorted(files):
                stem, ending = os.path.splitext(name)
                if ending != '.pyc':
                    continue
                parts = os.path.relpath(folder, site).split(os.sep)
                is_package = stem == '__init__'
                with open(os.path.join(folder, name), 'rb') as file:
                    code = file.read()[16:]
                index['.'.join(parts if is_package else [*parts, stem])] = (offset, len(code), is_package)
                offset += packed.write(code)
                os.remove(os.path.join(folder, name))
            # A folder without __init__ is a package all the same, as long as it is there.
            if '__init__.pyc' in files and not os.listdir(folder):
                os.rmdir(folder)
with open(os.path.join(site, 'sb_packed.index'), 'wb') as file:
    file.write(marshal.dumps(index))
`;

const file = (path: string, text: string): string => `cat > ${path} <<'SB_PYTHON'\n${text}SB_PYTHON`;

/** Shell: packs packages of `$site` whose modules are compiled, for the Python of `$SB/venv`. */
export const packing = (packages: readonly string[]): string =>
  [
    file('/tmp/sb_packed.py', FINDER),
    file('/tmp/pack.py', PACK),
    `"$SB/venv/bin/python" /tmp/pack.py "$site" ${packages.join(' ')}`,
    // What begins Python reads lines that import something, and runs them.
    `"$SB/venv/bin/python" -c 'import py_compile, sys; py_compile.compile("/tmp/sb_packed.py", sys.argv[1] + "/sb_packed.pyc", "sb_packed.py", True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)' "$site"`,
    `echo 'import sb_packed' > "$site/sb_packed.pth"`,
  ].join('\n');
