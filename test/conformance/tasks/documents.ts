/** task.toml as a document, and what lies in the task's folder. */
import { checks, earns, ENVIRONMENT, from } from './rule.ts';
import type { Rule } from './rule.ts';

const toml = from('models/task/config.py: TaskConfig', [
  {
    task: 'toml-unknown',
    rule: 'Unknown keys, in tables that are known and in others, mean nothing.',
    toml: `format = "x"\n${ENVIRONMENT}colour = "blue"\n[agent]\ninherit_prior_session = true\n[dependencies]\na = 1.5\n`,
    nop: earns(1),
  },
  {
    task: 'toml-version',
    rule: '`version` is the older name of schema_version, whose value means nothing.',
    toml: 'version = "1.0"\n',
    nop: earns(1),
  },
  {
    task: 'toml-schema-version',
    rule: 'A schema_version of the future is read as today’s.',
    toml: 'schema_version = "9.9"\n',
    nop: earns(1),
  },
  {
    task: 'toml-package',
    rule: 'What describes the task means nothing for its run; metadata may hold anything.',
    toml: 'source = "x"\n[task]\nname = "conformance/toml-package"\nversion = "2.0.0"\ndescription = "ü"\nauthors = [{ name = "A", email = "a@example.com" }]\nkeywords = ["a"]\n[metadata]\nday = 2026-01-02\nbig = 9007199254740993\ndeep = { a = [1, { b = [] }] }\n',
    nop: earns(1),
  },
  {
    task: 'toml-lax',
    rule: 'Numbers may be written as text, and names of systems in any case.',
    toml: `${ENVIRONMENT}os = "Linux"\n[verifier]\ntimeout_sec = "60"\n`,
    nop: earns(1),
  },
  {
    task: 'toml-internet',
    rule: '`allow_internet = true` is the older form of a public network.',
    toml: `${ENVIRONMENT}allow_internet = true\n`,
    nop: earns(1),
  },
  {
    task: 'toml-text',
    rule: 'CRLF, comments and inline tables are TOML as any other.',
    toml: '# a task\r\nenvironment = { docker_image = "debian:bookworm-slim", env = { A = "a" } } # [environment]\r\n',
    tests: checks('[ "$A" = a ]'),
    nop: earns(1),
  },
]);

const folder = from('models/task/task.py; verifier/verifier.py: upload_dir', [
  {
    task: 'tests-folder',
    rule: 'All of tests/ is in /tests: folders, hidden files, names with blanks and of any script, bytes as they are.',
    files: {
      'tests/deep/er/x.txt': 'x\n',
      'tests/.hidden': 'hidden\n',
      'tests/a name $(id) ü 日本.txt': 'name\n',
      'tests/lines.txt': 'a\r\nb\r\n',
      'tests/large.bin': { bytes: 3_000_000 },
    },
    tests: checks(
      `cd /tests && [ "$(cat deep/er/x.txt .hidden 'a name $(id) ü 日本.txt')" = "$(printf 'x\\nhidden\\nname')" ] && [ "$(wc -c < lines.txt) $(wc -c < large.bin)" = "6 3000000" ]`,
    ),
    nop: earns(1),
  },
  {
    task: 'tests-modes',
    rule: 'Executable bits in tests/ are kept, and a link has what it leads to.',
    files: {
      'tests/tool': { text: '#!/bin/sh\ncat "$(dirname "$0")/alias"\n', mode: 0o755 },
      'tests/plain': { text: '#!/bin/sh\n', mode: 0o644 },
      'tests/one.txt': 'one\n',
      'tests/alias': { link: 'one.txt' },
    },
    tests: checks('[ "$(/tests/tool)" = one ] && [ ! -x /tests/plain ]'),
    nop: earns(1),
    differs: {
      harbor: 'keeps the link',
      because:
        'outside of build contexts a stored task has plain files alone; a link within the task is stored as a copy',
    },
  },
  {
    task: 'harborignore',
    rule: '.harborignore leaves files out of tests/ and solution/, by the rules of .gitignore, and itself; one beside them has no effect.',
    files: {
      '.harborignore': '*.txt\n',
      'solution/.harborignore': '*.tmp\n',
      'tests/.harborignore': '*.tmp\n!keep.tmp\n',
      'tests/drop.tmp': '',
      'tests/keep.tmp': '',
      'solution/drop.tmp': '',
      'solution/data.txt': '',
    },
    solution: 'ls -A /solution > /tmp/solution',
    tests: checks(
      '[ "$(echo $(cat /tmp/solution) - $(ls -A /tests))" = "data.txt solve.sh - keep.tmp test.sh" ]',
    ),
    oracle: earns(1),
  },
  {
    task: 'Odd.Name_1',
    rule: 'A folder’s name may have capitals, dots and underscores.',
    nop: earns(1),
  },
  {
    task: 'instruction-canary',
    rule: 'Lines of an instruction that mark it as a benchmark’s are no part of it.',
    files: {
      'instruction.md': '<!-- harbor-canary GUID 0 -->\n# canary GUID 0\n\nDo it.\n',
    },
    nop: earns(1),
  },
]);

export const DOCUMENTS: Rule[] = [...toml, ...folder];
