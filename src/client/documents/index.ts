/** What programs may rely on: a schema for each document. `npm run generate` writes them to docs/reference/schemas. */
import { Type, type TSchema } from 'typebox';
import { Diagnosis, Versions } from './cluster.ts';
import { RunEvent } from './events.ts';
import { Manifests } from './manifests.ts';
import { RunFile } from './run-file.ts';
import {
  Downloaded,
  Rerun,
  RunCancelled,
  RunDeleted,
  RunOutcome,
  RunRow,
  RunShown,
  RunSubmitted,
} from './run.ts';
import { CheckFinding, HashedTask, PackedTask } from './task.ts';
import { Explanation, TrialCancelled, TrialDocument, TrialShown } from './trial.ts';

/** By file name; which command prints which is said at the command (`withOutput`). */
export const SCHEMAS = {
  run: { title: 'How a run ended, or how far it was', schema: RunOutcome },
  'run-detached': { title: 'What was created of a run', schema: RunSubmitted },
  'run-event': { title: 'Something that happened in a run', schema: RunEvent },
  'run-file': { title: 'Options of a run', schema: RunFile },
  'run-list': { title: 'Runs of a namespace, the newest first', schema: Type.Array(RunRow) },
  'run-show': { title: 'A run with its Trials', schema: RunShown },
  'run-trial': { title: 'A Trial of a run', schema: TrialDocument },
  'run-rerun': { title: 'What was run again', schema: Rerun },
  'run-download': { title: 'What was copied of a run', schema: Downloaded },
  'run-cancel': { title: 'What was cancelled of a run', schema: RunCancelled },
  'run-delete': { title: 'What was deleted of a run', schema: RunDeleted },
  manifests: { title: 'What a run would apply', schema: Manifests },
  'trial-show': { title: 'A Trial', schema: TrialShown },
  'trial-explain': { title: 'Why a Trial is where it is', schema: Explanation },
  'trial-cancel': { title: 'A Trial that was to be cancelled', schema: TrialCancelled },
  'task-check': { title: 'What is wrong with tasks', schema: Type.Array(CheckFinding) },
  'task-hash': { title: 'Versions of tasks', schema: Type.Array(HashedTask) },
  'task-pack': { title: 'What was packed of a task', schema: PackedTask },
  doctor: { title: 'Everything that a run depends on', schema: Diagnosis },
  version: { title: 'What has to fit together', schema: Versions },
} as const satisfies Record<string, { title: string; schema: TSchema }>;
export type SchemaName = keyof typeof SCHEMAS;

export const schemaNames = Object.keys(SCHEMAS) as SchemaName[];

/** The JSON Schema of a document, as it is published. */
export function publishedSchema(name: SchemaName): object {
  const { title, schema } = SCHEMAS[name];
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title,
    ...(JSON.parse(JSON.stringify(schema)) as object),
  };
}
