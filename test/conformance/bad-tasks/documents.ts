/** A task.toml that is no document, or has values of another kind. */
import { field, GOOD_TOML, utf16, whole, type BadTask } from './bad-task.ts';

const syntax: BadTask[] = [
  whole('no TOML', 'a = = 1\n', /not valid TOML/),
  whole('a key twice', 'a = 1\na = 2\n', /not valid TOML/),
  whole('a table twice', '[agent]\n[agent]\n', /not valid TOML/),
  whole('an unclosed string', 'source = "x\n', /not valid TOML/),
  whole('a table and a value of one name', 'agent = 1\n[agent]\n', /not valid TOML/),
  whole('UTF-16', utf16(GOOD_TOML), /is not UTF-8 text/),
  whole('bytes that are no text', Buffer.from([0xc3, 0x28, 0x0a]), /is not UTF-8 text/),
  whole('a NUL', 'source = "a\u0000b"\n', /not valid TOML/),
  whole('JSON', '{"agent": {}}\n', /not valid TOML/),
  whole('a lone carriage return', 'source = "x"\rsource = "y"\n', /not valid TOML/),
  whole(
    'thousands of nested lists',
    `a = ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`,
    /not valid TOML|nested deeper than 100/,
  ),
  whole(
    'thousands of nested tables',
    `a = ${'{b='.repeat(20_000)}1${'}'.repeat(20_000)}\n`,
    /not valid TOML|nested deeper than 100/,
  ),
  whole(
    'a dotted key of thousands of parts',
    `${Array.from({ length: 20_000 }, () => 'a').join('.')} = 1\n`,
    /not valid TOML|nested deeper than 100/,
  ),
  whole('megabytes', `metadata.x = "${'x'.repeat(5 * 2 ** 20)}"\n`, /bytes; expected at most/),
];

const types: BadTask[] = [
  field(
    'text for a table',
    '[task]\nname = "a/b"\n[verifier]\nenv = "x"',
    /verifier\.env is "x"; expected a table of strings/,
  ),
  field('a number for a variable', '[verifier.env]\nA = 1', /verifier\.env\.A is 1; expected a string/),
  field('a list for a table', 'healthcheck = []', /environment\.healthcheck is \[\]; expected a table/),
  field(
    'a healthcheck without a command',
    '[environment.healthcheck]\nretries = 1',
    /healthcheck\.command is missing/,
  ),
  field(
    'half a try',
    '[environment.healthcheck]\ncommand = "x"\nretries = 1.5',
    /retries is 1\.5; expected a whole number/,
  ),
  field('a string for a list', 'gpu_types = "H100"', /gpu_types is "H100"; expected a list of strings/),
  whole('steps that are no list', 'steps = 1\n', /steps is 1; expected a list of tables/),
  field('an artifact without a source', '[[artifacts]]\ndestination = "x"', /artifacts\[0\]/),
  field(
    'a hook without a command',
    '[[verifier.collect]]\ntimeout_sec = 1',
    /collect\[0\]\.command is missing/,
  ),
  field(
    'an unknown mode',
    '[verifier]\nenvironment_mode = "both"',
    /environment_mode is "both"; expected one of shared, separate/,
  ),
];

const numbers: BadTask[] = [
  ...['nan', '-nan', 'inf', '-inf'].map((value) =>
    field(
      `gpus of ${value}`,
      `gpus = ${value}`,
      /environment\.gpus is (NaN|-?Infinity); expected a whole number/,
    ),
  ),
  whole(
    'CPUs that are not a number',
    '[environment]\ncpus = nan\n',
    /environment\.cpus is NaN; expected a number/,
  ),
  whole('endless CPUs', '[environment]\ncpus = inf\n', /environment\.cpus is Infinity; expected a number/),
  whole(
    'no CPUs',
    '[environment]\ncpus = 0\n',
    /environment\.cpus is 0; expected a number of CPUs greater than 0/,
  ),
  whole('negative CPUs', '[environment]\ncpus = -1\n', /environment\.cpus is -1; expected/),
  field('half a megabyte', 'memory_mb = 0.5', /memory_mb is 0\.5; expected a whole number/),
  field('memory beyond all measure', 'memory_mb = 9223372036854775807', /memory_mb is 9223372036854775807/),
  field('a size without a unit', 'memory = "512"', /environment\.memory is "512"; expected a size/),
  field(
    'two sizes',
    'memory = "1G"\nmemory_mb = 512',
    /environment\.memory is "1G" \(1024 MB\), but memory_mb is 512/,
  ),
  field(
    'negative seconds',
    'build_timeout_sec = -1',
    /build_timeout_sec is -1; expected a number of seconds greater than 0/,
  ),
  field('a timeout that is no number', 'build_timeout_sec = nan', /build_timeout_sec is NaN; expected/),
  field('a thousand GPUs', 'gpus = 1000', /environment\.gpus is 1000; expected at most 64/),
  field('true for a number', 'gpus = true', /environment\.gpus is true; expected a whole number/),
  field('a reward that is no number', '[[steps]]\nname = "a"\nmin_reward = nan', /min_reward is NaN|steps/),
];

const names: BadTask[] = [
  field(
    'a task without an organisation',
    '[task]\nname = "hello"',
    /task\.name is "hello"; expected org\/name/,
  ),
  field('a name that climbs', '[task]\nname = "a/..b"', /task\.name is "a\/\.\.b"; expected org\/name/),
  field(
    'a name beyond measure',
    `[task]\nname = "a/${'b'.repeat(300)}"`,
    /task\.name is .*; expected org\/name/,
  ),
  {
    what: 'a folder that cannot name a task',
    name: 'a b',
    at: '.',
    says: /the name "a b" has characters other than/,
  },
  field(
    'steps of one name',
    '[[steps]]\nname = "a"\n[[steps]]\nname = "a"',
    /steps\[1\]\.name is "a", the name of an earlier step/,
  ),
  field(
    'steps that differ in case',
    '[[steps]]\nname = "a"\n[[steps]]\nname = "A"',
    /steps\[1\]\.name is "A", the name of an earlier step/,
  ),
  field(
    'steps that differ in Unicode',
    '[[steps]]\nname = "\u00e9"\n[[steps]]\nname = "e\u0301"',
    /steps\[1\]\.name is .*, the name of an earlier step/,
  ),
  field(
    'steps that differ in ß',
    '[[steps]]\nname = "stra\u00dfe"\n[[steps]]\nname = "STRASSE"',
    /steps\[1\]\.name is .*, the name of an earlier step/,
  ),
  ...['../a', 'a/b', 'NUL', 'com1.txt', 'a.', ' ', 'a\\u0000', 'a:b'].map((name) =>
    field(
      `a step called ${name}`,
      `[[steps]]\nname = "${name.replace(/\\(?!u)/, '\\\\')}"`,
      /steps\[0\]\.name is .*; expected the name of a folder/,
    ),
  ),
  field(
    'a step’s name beyond measure',
    `[[steps]]\nname = "${'a'.repeat(256)}"`,
    /steps\[0\]\.name is .*; expected at most 255 bytes/,
  ),
  field(
    'a variable’s name that no shell takes',
    '[environment.env]\n"A B" = "x"',
    /the name of environment\.env\."A B"/,
  ),
  field('a variable without a name', '[verifier.env]\n"" = "x"', /the name of verifier\.env\.""/),
];

export const DOCUMENTS: readonly BadTask[] = [...syntax, ...types, ...numbers, ...names];
