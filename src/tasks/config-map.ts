/** A task in a ConfigMap: flattened paths as keys. */
import type { Files } from '../crds/content.ts';
import type { CompilableTask } from './compile/types.ts';
import { unflattened } from './flattened.ts';
import { parseTaskToml } from './toml/parse.ts';
import { TaskFormatError } from './toml/problems.ts';

/** The task in a ConfigMap, whose task.toml may be left out: then all is Harbor's default. Throws TaskFormatError. */
export function taskOfConfigMap({ data = {}, binaryData = {} }: Files): CompilableTask {
  const keys = [...Object.keys(data), ...Object.keys(binaryData)];
  const bad = keys.find((key) => unflattened(key) === undefined);
  if (bad !== undefined)
    throw new TaskFormatError('data', [
      { field: bad, message: `the key ${JSON.stringify(bad)} is no path; \`__\` stands for \`/\`` },
    ]);
  const binary = binaryData['task.toml'];
  const toml =
    data['task.toml'] ?? (binary === undefined ? '' : Buffer.from(binary, 'base64').toString('utf8'));
  return { config: parseTaskToml(toml), files: keys.map((key) => ({ path: unflattened(key) ?? key })) };
}
