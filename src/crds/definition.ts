/** What Kubernetes wants around a kind of ours. */
import type { TSchema } from 'typebox';
import { GROUP, VERSION } from './names.ts';
import { structural, type Structural } from './structural.ts';

export interface Column {
  name: string;
  type: 'string' | 'number' | 'integer' | 'boolean' | 'date';
  jsonPath: string;
  description?: string;
  /** 1: only in `kubectl get -o wide`. */
  priority?: 1;
}

/** A kind of ours, before it is wrapped in what Kubernetes wants around it. */
interface KindDefinition {
  kind: string;
  singular: string;
  plural: string;
  shortNames: string[];
  description: string;
  spec: TSchema;
  status: TSchema;
  columns: Column[];
  selectable: string[];
}

/** `apiextensions.k8s.io/v1` CustomResourceDefinition with one version. */
export interface CustomResourceDefinition {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: {
    group: string;
    scope: 'Namespaced';
    names: {
      kind: string;
      listKind: string;
      singular: string;
      plural: string;
      shortNames: string[];
      categories: string[];
    };
    versions: {
      name: string;
      served: boolean;
      storage: boolean;
      subresources: { status: object };
      additionalPrinterColumns: Column[];
      selectableFields?: { jsonPath: string }[];
      schema: { openAPIV3Schema: Structural };
    }[];
  };
}

/** The CustomResourceDefinition of a kind. */
export function definition(of: KindDefinition): CustomResourceDefinition {
  const { kind, singular, plural, shortNames } = of;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, singular, plural, shortNames, categories: ['sb'] },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: of.columns,
          ...(of.selectable.length > 0 && {
            selectableFields: of.selectable.map((jsonPath) => ({ jsonPath })),
          }),
          schema: { openAPIV3Schema: rootSchema(of) },
        },
      ],
    },
  };
}

function rootSchema({ description, spec, status }: KindDefinition): Structural {
  return {
    description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'Version of this object’s schema.' },
      kind: { type: 'string', description: 'Kind of this object.' },
      metadata: { type: 'object' },
      spec: structural(spec),
      // The operator alone writes it, at once: who wrote which of its fields is not kept with every object, nor compared at every write.
      status: { ...structural(status), 'x-kubernetes-map-type': 'atomic' },
    },
  };
}
