/** `node test/conformance/tasks/write.ts <folder>`: writes every task below a folder, for `sb` or for Harbor itself. */
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RULES } from './index.ts';
import { ENVIRONMENT, text } from './rule.ts';
import type { Rule, TaskFile } from './rule.ts';

const script = (lines: string): string => `#!/bin/bash\n${lines}\n`;

/** Every file of a rule's task. */
export function filesOf({ toml = '', tests, solution, files = {} }: Rule): Record<string, TaskFile> {
  const hasSteps = toml.includes('[[steps]]');
  const hasOwn = /environment\]|environment = \{/.test(toml) || 'environment/Dockerfile' in files;
  return {
    'task.toml': hasOwn ? toml : `${toml}${ENVIRONMENT}`,
    ...(!hasSteps && {
      'instruction.md': 'Do what the rule says.\n',
      'tests/test.sh': script(tests ?? text('1')),
    }),
    ...(solution !== undefined && { 'solution/solve.sh': script(solution) }),
    ...files,
  };
}

/** Writes the tasks of rules, each into a folder of its name. */
export async function writeTasks(folder: string, rules: readonly Rule[]): Promise<void> {
  for (const rule of rules)
    for (const [path, file] of Object.entries(filesOf(rule)))
      await writeOne(join(folder, rule.task, path), file);
}

async function writeOne(path: string, file: TaskFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (typeof file !== 'string' && 'link' in file) return symlink(file.link, path);
  await writeFile(path, contentsOf(file));
  if (typeof file !== 'string' && 'mode' in file) await chmod(path, file.mode);
  else if (path.endsWith('.sh')) await chmod(path, 0o755);
}

function contentsOf(file: Exclude<TaskFile, { link: string }>): string | Uint8Array {
  if (typeof file === 'string') return file;
  return 'bytes' in file ? new Uint8Array(file.bytes) : file.text;
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('expected the folder to write the tasks to');
  await writeTasks(folder, RULES);
}
