/** A task in a ConfigMap: flattened paths as keys. */
import type { Files } from '../crds/content.ts';
import type { CompilableTask } from './compile/types.ts';
import { COMPOSE_FILE, envFilesOf, readDocument, type ComposeSource } from './compose/document.ts';
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
  const texts = (path: string): string | undefined => {
    const key = keys.find((one) => unflattened(one) === path) ?? path;
    const binary = binaryData[key];
    return data[key] ?? (binary === undefined ? undefined : Buffer.from(binary, 'base64').toString('utf8'));
  };
  const compose = composeIn(texts);
  return {
    config: parseTaskToml(texts('task.toml') ?? ''),
    files: keys.map((key) => ({ path: unflattened(key) ?? key })),
    ...(compose && { compose }),
  };
}

function composeIn(texts: (path: string) => string | undefined): ComposeSource | undefined {
  const text = texts(COMPOSE_FILE);
  if (text === undefined) return undefined;
  const read = readDocument(text);
  if ('fault' in read)
    throw new TaskFormatError('data', [{ field: COMPOSE_FILE, message: `${COMPOSE_FILE} ${read.fault}` }]);
  const files = envFilesOf(read.document).flatMap((path): [string, string][] => {
    const found = texts(path);
    return found === undefined ? [] : [[path, found]];
  });
  return { document: read.document, ...(files.length > 0 && { env_files: Object.fromEntries(files) }) };
}
