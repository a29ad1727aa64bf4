/** Tasks on this machine, in documents. */
import type { Type } from 'typebox';
import { ruleNames } from '../../tasks/check/rules.ts';
import { Fields, OneOf, OrNull, Text, Texts, Whole } from './words.ts';

/** A finding of `sb task check`, as `harbor lint --json` has it, and the severity. */
export const CheckFinding = Fields({
  rule: OneOf(ruleNames, 'As `harbor lint` calls it, where it knows it.'),
  severity: OneOf(['error', 'warning'], 'An error keeps the task from being run.'),
  path: Text('Relative to where the command was started.'),
  message: Text('What is there, and what was expected.'),
  line: OrNull(Whole('From 1.')),
  column: OrNull(Whole('From 1.')),
});
export type CheckFinding = Type.Static<typeof CheckFinding>;

const version = {
  name: Text('`[task].name`, else the folder’s name.'),
  task_version: Text('First 12 digits of `task_hash`.'),
  task_id: Text('`<name>@<task_version>`.'),
};

/** What a task is told from others by. */
export const HashedTask = Fields({
  ...version,
  task_hash: Text('SHA-256, hex.'),
  environment_hash: Text('SHA-256, hex.'),
  harbor_digest: Text('`sha256:…`, as in Harbor’s lock files.'),
  path: Text('As it was given.'),
});
export type HashedTask = Type.Static<typeof HashedTask>;

/** `sb task pack`. */
export const PackedTask = Fields({
  ...version,
  files: Texts('That were written, as the user would write them.'),
});
export type PackedTask = Type.Static<typeof PackedTask>;
