/** Tasks on this machine, in documents. */
import { Type } from 'typebox';
import { ruleNames } from '../../tasks/check/rules.ts';
import { Fields, OneOf, OrNull, Text, Texts, Whole, type Documents } from './words.ts';

/** What `sb task check` says, as `harbor lint --json` has it, and the severity. */
const CheckMessage = Fields({
  rule: OneOf(ruleNames, 'As `harbor lint` calls it, where it knows it.'),
  severity: OneOf(['error', 'warning'], 'An error keeps the task from being run.'),
  path: Text('Relative to where the command was started.'),
  message: Text('What is there, and what was expected.'),
  line: OrNull(Whole('From 1.')),
  column: OrNull(Whole('From 1.')),
});
export type CheckMessage = Type.Static<typeof CheckMessage>;

const version = {
  name: Text('`[task].name`, else the folder’s name.'),
  task_version: Text('First 12 digits of `task_hash`.'),
  task_id: Text('`<name>@<task_version>`.'),
};

/** What a task is told from others by. */
const HashedTask = Fields({
  ...version,
  task_hash: Text('SHA-256, hex.'),
  environment_hash: Text('SHA-256, hex.'),
  harbor_digest: Text('`sha256:…`, as in Harbor’s lock files.'),
  path: Text('As it was given.'),
});
export type HashedTask = Type.Static<typeof HashedTask>;

/** A row of `sb task push`. */
export const PushedTask = Fields({
  ...version,
  s3_task_uri: Text('What `spec.task.s3.uri` of a Trial names.'),
  result: OneOf(['stored', 'present'], 'Whether it was stored now, or there already.'),
  bytes: Whole('That were sent.'),
});
export type PushedTask = Type.Static<typeof PushedTask>;

/** `sb task pack`. */
const PackedTask = Fields({
  ...version,
  files: Texts('That were written, as the user would write them.'),
});
export type PackedTask = Type.Static<typeof PackedTask>;

/** Its documents, by the name of their schema. */
export const TASK_DOCUMENTS = {
  'task-check': { title: 'What is wrong with tasks', schema: Type.Array(CheckMessage) },
  'task-hash': { title: 'Versions of tasks', schema: Type.Array(HashedTask) },
  'task-push': { title: 'Tasks in the bucket', schema: Type.Array(PushedTask) },
  'task-pack': { title: 'What was packed of a task', schema: PackedTask },
} as const satisfies Documents;
