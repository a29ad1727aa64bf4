/** How much a task may be, known before any file is read. */
import { CONFIG_MAX_BYTES, configBytes } from '../metadata.ts';
import type { Problem } from '../toml/problems.ts';
import type { TaskConfig } from '../toml/schema.ts';

/** Sixteen bits count a zip's entries. */
const MAX_FILES = 65_535;
/** An archive is made in memory. */
const MAX_BYTES = 2 ** 30;
/** What the API takes at most, and a file system gives a folder more of. */
const MAX_NAME = 200;

interface Sized {
  name: string;
  config: TaskConfig;
  files: readonly { path: string; size: number }[];
}

/** What is too much. */
export const limitProblems = (task: Sized): Problem[] => [
  ...tooLong(task),
  ...tooMany(task),
  ...tooLarge(task),
  ...tooMuchSaid(task),
];

const tooLong = ({ name: { length } }: Sized): Problem[] =>
  length <= MAX_NAME
    ? []
    : [
        {
          field: 'name',
          message: `the name has ${length} characters; expected at most ${MAX_NAME}: rename the folder, or set name under [task] in task.toml`,
        },
      ];

const tooMany = ({ files: { length } }: Sized): Problem[] =>
  length <= MAX_FILES
    ? []
    : [
        {
          field: '',
          message: `the task has ${length} files; expected at most ${MAX_FILES}: put them into an image`,
        },
      ];

function tooMuchSaid({ config }: Sized): Problem[] {
  const bytes = configBytes(config);
  if (bytes <= CONFIG_MAX_BYTES) return [];
  const message = `task.toml comes to ${bytes} bytes; expected at most ${CONFIG_MAX_BYTES}: put what is large into files of the task`;
  return [{ field: 'task.toml', message }];
}

const mebibytes = (size: number): string => `${Math.ceil(size / 2 ** 20)} MiB`;

function tooLarge({ files }: Sized): Problem[] {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  if (bytes <= MAX_BYTES) return [];
  const largest = files.reduce((most, file) => (file.size > most.size ? file : most));
  const message = `the task has ${mebibytes(bytes)} of files, of which ${largest.path} is ${mebibytes(largest.size)}; expected at most ${mebibytes(MAX_BYTES)}: fetch large files in the Dockerfile, or put them into an image`;
  return [{ field: largest.path, message }];
}
