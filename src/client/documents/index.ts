/** What programs may rely on: a schema for each document. `npm run generate` writes them to docs/reference/schemas. */
import { Type } from 'typebox';
import type { CustomResourceDefinition } from '../../crds/definition.ts';
import { taskBuildDefinition, trialDefinition } from '../../crds/kinds.ts';
import { API_VERSION } from '../../crds/names.ts';
import { AGENT_DOCUMENTS } from './agent.ts';
import { CLUSTER_DOCUMENTS } from './cluster.ts';
import { TaskOutline } from './plan.ts';
import { RESEARCHER_DOCUMENTS } from './researcher.ts';
import { RUN_DOCUMENTS } from './run.ts';
import { RUN_FILE_DOCUMENTS } from './run-options.ts';
import { SANDBOX_DOCUMENTS } from './sandbox.ts';
import { TASK_DOCUMENTS } from './task.ts';
import { TRIAL_DOCUMENTS } from './trial.ts';
import { Fields, plain, Text, type Documents } from './words.ts';

/** An object that is still to be created: with a spec, and nobody’s status. */
function manifest({ spec: { names, versions } }: CustomResourceDefinition) {
  const spec = versions[0]?.schema.openAPIV3Schema.properties?.['spec'] ?? {};
  return Fields({
    apiVersion: Type.Literal(API_VERSION),
    kind: Type.Literal(names.kind),
    metadata: Fields({
      name: Text('Of the object.'),
      namespace: Type.Optional(Text('Missing where it was not said.')),
      labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    }),
    spec: plain(spec),
  });
}

/** `sb cloud run --dry-run -o json`: what would be applied, as `kubectl apply -f` takes it. */
const Manifests = Fields({
  apiVersion: Type.Literal('v1'),
  kind: Type.Literal('List'),
  items: Type.Array(Type.Union([trialDefinition, taskBuildDefinition].map(manifest)), {
    description: 'Builds before the Trials that wait for them.',
  }),
  tasks: Type.Optional(
    Type.Array(TaskOutline, {
      description:
        'What their tasks add, as `kubectl` ignores it: only those that have steps, GPUs, a separate verifier or less than the internet.',
    }),
  ),
});

/** By file name; which command prints which is said at the command (`withOutput`). */
export const SCHEMAS = {
  ...RUN_DOCUMENTS,
  ...RUN_FILE_DOCUMENTS,
  ...TRIAL_DOCUMENTS,
  ...TASK_DOCUMENTS,
  ...AGENT_DOCUMENTS,
  ...CLUSTER_DOCUMENTS,
  ...SANDBOX_DOCUMENTS,
  ...RESEARCHER_DOCUMENTS,
  manifests: { title: 'What a run would apply', schema: Manifests },
} as const satisfies Documents;
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
