/** `sb cloud run --dry-run -o json`: what would be applied, as `kubectl apply -f` takes it. */
import { Type } from 'typebox';
import {
  trialDefinition,
  taskBuildDefinition,
  type CustomResourceDefinition,
} from '../../crds/definition.ts';
import { API_VERSION } from '../../crds/names.ts';
import { Fields, plain, Text } from './words.ts';

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

export const Manifests = Fields({
  apiVersion: Type.Literal('v1'),
  kind: Type.Literal('List'),
  items: Type.Array(Type.Union([trialDefinition, taskBuildDefinition].map(manifest)), {
    description: 'Builds before the Trials that wait for them.',
  }),
});
