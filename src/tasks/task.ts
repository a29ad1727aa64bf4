import type { ComposeSource } from './compose/document.ts';
import type { TaskConfig } from './toml/schema.ts';

/** What lies below this is the build context. It is what `docker build` would see: links, empty folders and permissions are part of it. */
export const CONTEXT = 'environment/';

/** The tests of all steps; those of one lie in `steps/<name>/` below the same. */
export const TESTS = 'tests/';

/** Folders of tests with a Dockerfile, each with its closing slash: the build contexts of separate verifiers. */
export const testContexts = ({ files }: { files: readonly { path: string }[] }): string[] =>
  files.flatMap(({ path }) => /^((?:steps\/[^/]+\/)?tests\/)Dockerfile$/.exec(path)?.[1] ?? []);

/** Everything that can belong to a task; other files in the folder are not looked at. */
export const ROOTS = [
  'task.toml',
  'instruction.md',
  'README.md',
  'trajectory.json',
  'environment',
  'solution',
  'tests',
  'steps',
];
/** In Harbor’s digest, but no part of what a trial is given. */
export const NOT_HASHED = ['README.md', 'trajectory.json'];
/** Names in a task's folder that its hash is made of. */
export const HASHED: ReadonlySet<string> = new Set(ROOTS.filter((name) => !NOT_HASHED.includes(name)));

/** A file of a task that counts: it is hashed, packed and handed to the trial. */
export interface TaskFile {
  /** POSIX path within the task's folder. */
  path: string;
  /** Bytes. */
  size: number;
  /** SHA-256 of the contents, in hex. */
  sha256: string;
  /** The owner may execute it. */
  executable: boolean;
  /** Permissions of a file of the build context; missing where they are 0755 or, of one that is not executable, 0644. */
  mode?: number;
  /** Where a link of the build context leads, as it says itself; its contents are these words. */
  link?: string;
  /** Path within the task's folder of the file that the link leads to, if it leads to one wherever the folder lies. */
  leadsTo?: string;
}

/** A folder of the build context that is empty or has other permissions than 0755. */
export interface TaskFolder {
  path: string;
  /** Missing: 0755. */
  mode?: number;
}

/** A task folder, read and checked. */
export interface Task {
  /** Absolute path of the folder. */
  dir: string;
  /** `[task].name` of task.toml (`org/name`), else the folder's name. */
  name: string;
  config: TaskConfig;
  /** `instruction.md` without leading canary lines; empty for a task of several steps, which have one each. */
  instruction: string;
  /**
   * `task.toml`, `instruction.md`, `environment/**`, `solution/**`, `tests/**` and `steps/**` without what `.harborignore` leaves out, in
   * bytewise order of their paths. Outside the build context a link to a file or folder of the same task counts as a copy of it.
   */
  files: TaskFile[];
  /** In bytewise order of their paths. */
  folders: TaskFolder[];
  /** Harbor's own digest of the task, in hex: see `taskDigest`. */
  digest: string;
  /** Its docker-compose.yaml. Missing where there is none. */
  compose?: ComposeSource;
}

/** The name without its organisation. */
export const shortName = (task: Pick<Task, 'name'>): string =>
  task.name.slice(task.name.lastIndexOf('/') + 1);

/** True when the task has a file of this path. */
export const hasFile = (task: { files: readonly { path: string }[] }, path: string): boolean =>
  task.files.some((file) => file.path === path);
