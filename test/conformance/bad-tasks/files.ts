/** Files that are missing, too much or no files, and what is not run. */
import { execFileSync } from 'node:child_process';
import { symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { field, utf16, type BadTask } from './bad-task.ts';

const sizes: BadTask[] = [
  field(
    'too many variables',
    `[environment.env]\n${Array.from({ length: 129 }, (_, at) => `A${at} = "x"`).join('\n')}`,
    /environment\.env has 129 entries; expected at most 128/,
  ),
  field(
    'a variable beyond measure',
    `[environment.env]\nA = "${'x'.repeat(40_000)}"`,
    /environment\.env\.A has 40000 characters; expected at most 32768/,
  ),
  field(
    'a command beyond measure',
    `[environment.healthcheck]\ncommand = "${'x'.repeat(5000)}"`,
    /command has 5000 characters; expected at most 4096/,
  ),
  field(
    'too many artifacts',
    `[[artifacts]]\nsource = "/a"\n`.repeat(65),
    /artifacts has 65 entries; expected at most 64/,
  ),
  {
    what: 'more than an archive may hold',
    make: (folder) => {
      writeFileSync(join(folder, 'tests/large'), '');
      truncateSync(join(folder, 'tests/large'), 2 ** 30 + 1);
    },
    at: 'tests/large',
    says: /the task has 1025 MiB of files, of which tests\/large is 1025 MiB; expected at most 1024 MiB/,
  },
];

const layout: BadTask[] = [
  {
    what: 'no task.toml that is a file',
    files: { 'task.toml': undefined, 'task.toml/x': '' },
    at: 'task.toml',
    says: /task\.toml/,
  },
  {
    what: 'no instruction',
    files: { 'instruction.md': undefined },
    at: 'instruction.md',
    says: /instruction\.md is missing; expected what the agent is told to do/,
  },
  {
    what: 'an empty instruction',
    files: { 'instruction.md': ' \n' },
    at: 'instruction.md',
    says: /the instruction is empty/,
  },
  {
    what: 'an instruction that is a folder',
    files: { 'instruction.md': undefined, 'instruction.md/x': '' },
    at: 'instruction.md',
    says: /instruction\.md/,
  },
  {
    what: 'an instruction in UTF-16',
    files: { 'instruction.md': utf16('Do it.\n') },
    at: 'instruction.md',
    says: /is not UTF-8 text/,
  },
  {
    what: 'no tests',
    files: { 'tests/test.sh': undefined },
    at: 'tests/test.sh',
    says: /tests\/test\.sh is missing; expected the script that writes the reward/,
  },
  {
    what: 'tests of another name',
    files: { 'tests/test.sh': undefined, 'tests/test.py': '' },
    at: 'tests/test.sh',
    says: /tests\/test\.sh is missing/,
  },
  {
    what: 'no image',
    files: { 'environment/Dockerfile': undefined },
    at: 'environment/Dockerfile',
    says: /environment\/Dockerfile is missing; expected it, or/,
  },
  {
    what: 'a Dockerfile of another case',
    files: { 'environment/Dockerfile': undefined, 'environment/dockerfile': '' },
    at: 'environment/Dockerfile',
    says: /environment\/Dockerfile is missing/,
  },
  {
    what: 'tests that are left out',
    files: { 'tests/.harborignore': 'test.sh\n' },
    at: 'tests/test.sh',
    says: /tests\/test\.sh is left out by \.harborignore/,
  },
  {
    what: 'tests that are all left out',
    files: { 'tests/.harborignore': '*\n' },
    at: 'tests/test.sh',
    says: /tests\/test\.sh is left out by \.harborignore/,
  },
  {
    what: 'a solution that is left out',
    files: { 'solution/.harborignore': '*.sh\n' },
    at: 'solution/solve.sh',
    says: /solution\/solve\.sh is left out by \.harborignore/,
  },
  {
    what: 'a script of Windows',
    files: { 'tests/test.sh': '#!/bin/sh\r\necho 1\r\n' },
    at: 'tests/test.sh',
    says: /ends in a carriage return/,
  },
  {
    what: 'a script behind a mark',
    files: { 'tests/test.sh': '\ufeff#!/bin/sh\necho 1\n' },
    at: 'tests/test.sh',
    says: /begins with a byte order mark/,
  },
  {
    what: 'a script in UTF-16',
    files: { 'tests/test.sh': utf16('#!/bin/sh\necho 1\n') },
    at: 'tests/test.sh',
    says: /the script is UTF-16/,
  },
  {
    what: 'an empty script',
    files: { 'tests/test.sh': '' },
    at: 'tests/test.sh',
    says: /the script is empty/,
  },
  {
    what: 'a script with a NUL',
    files: { 'tests/test.sh': '#!/bin/sh\necho \u0000 1\n' },
    at: 'tests/test.sh',
    says: /the script holds a NUL/,
  },
];

const links: BadTask[] = [
  {
    what: 'a link out',
    make: (folder) => symlinkSync('/etc/passwd', join(folder, 'tests/passwd')),
    at: 'tests/passwd',
    says: /is a link out of the task’s folder/,
  },
  {
    what: 'a link to nothing',
    make: (folder) => symlinkSync('nothing', join(folder, 'tests/broken')),
    at: 'tests/broken',
    says: /is a link that leads nowhere/,
  },
  {
    what: 'a link to itself',
    make: (folder) => symlinkSync('loop', join(folder, 'tests/loop')),
    at: 'tests/loop',
    says: /is a link that leads nowhere/,
  },
  {
    what: 'a link to a folder around it',
    make: (folder) => symlinkSync('..', join(folder, 'tests/up')),
    at: 'tests/up',
    says: /is a link (out of|to a folder that it lies in)/,
  },
  {
    what: 'a FIFO',
    make: (folder) => void execFileSync('mkfifo', [join(folder, 'tests/fifo')]),
    at: 'tests/fifo',
    says: /is a FIFO; expected a file or a folder/,
  },
  {
    what: 'a FIFO as task.toml',
    files: { 'task.toml': undefined },
    make: (folder) => void execFileSync('mkfifo', [join(folder, 'task.toml')]),
    at: 'task.toml',
    says: /task\.toml/,
  },
  {
    what: 'a FIFO in the context',
    make: (folder) => void execFileSync('mkfifo', [join(folder, 'environment/fifo')]),
    at: 'environment/fifo',
    says: /is a FIFO/,
  },
  {
    what: 'a name that is not UTF-8',
    make: (folder) =>
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/tests/`), Buffer.from([0xff])]), ''),
    at: 'tests/\ufffd',
    says: /UTF-8/,
  },
  {
    what: 'a name with a line break',
    make: (folder) => writeFileSync(join(folder, 'tests/a\nb'), ''),
    at: 'tests/a\nb',
    says: /rename it/,
  },
  {
    what: 'a name with a backslash',
    make: (folder) => writeFileSync(join(folder, 'tests/a\\b'), ''),
    at: 'tests/a\\b',
    says: /rename it/,
  },
];

const unsupported: BadTask[] = [
  field('Windows', 'os = "windows"', /environment\.os: only linux is supported/),
  field('a TPU', 'tpu = { type = "v4", topology = "2x2" }', /environment\.tpu: TPUs are not supported/),
  field(
    'a service of an artifact',
    '[[artifacts]]\nsource = "/a"\nservice = "db"',
    /artifacts: names the service db, which environment\/docker-compose\.yaml has not/,
  ),
  field(
    'a service of a hook',
    '[[verifier.collect]]\ncommand = "x"\nservice = "db"',
    /verifier\.collect: names the service db, which environment\/docker-compose\.yaml has not/,
  ),
];

export const FILES: readonly BadTask[] = [...sizes, ...layout, ...links, ...unsupported];
