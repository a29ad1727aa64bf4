/** The CustomResourceDefinitions, made of the types. */
import type { TSchema } from 'typebox';
import { GROUP, VERSION } from './names.ts';
import { structural, type Structural } from './structural.ts';
import { TaskBuildSpec, TaskBuildStatus } from './task-build.ts';
import { TrialStatus } from './trial-status.ts';
import { TrialSpec } from './trial.ts';

interface Column {
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

const SUCCEEDED = '.status.conditions[?(@.type=="Succeeded")]';
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

export const trialDefinition = definition({
  kind: 'Trial',
  singular: 'trial',
  plural: 'trials',
  shortNames: ['tr'],
  description: 'Trial runs a task once with an agent, and its verifier’s reward is written onto the object.',
  spec: TrialSpec,
  status: TrialStatus,
  columns: [
    { name: 'Task', type: 'string', jsonPath: '.spec.task.name' },
    { name: 'Agent', type: 'string', jsonPath: '.spec.agent.name' },
    { name: 'Reward', type: 'number', jsonPath: '.status.reward' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: `${SUCCEEDED}.reason`,
      description: 'Reason of the condition Succeeded.',
    },
    age,
    { name: 'Run', type: 'string', jsonPath: '.spec.run', priority: 1 },
    { name: 'Model', type: 'string', jsonPath: '.spec.agent.model', priority: 1 },
    { name: 'Attempts', type: 'integer', jsonPath: '.status.attempts[-1:].number', priority: 1 },
    { name: 'Node', type: 'string', jsonPath: '.status.attempts[-1:].nodeName', priority: 1 },
    { name: 'S3', type: 'string', jsonPath: '.status.s3TrialUri', priority: 1 },
  ],
  selectable: ['.spec.task.name', '.spec.task.dataset', '.spec.agent.name', '.spec.agent.model', '.spec.run'],
});

export const taskBuildDefinition = definition({
  kind: 'TaskBuild',
  singular: 'taskbuild',
  plural: 'taskbuilds',
  shortNames: ['tb'],
  description: 'TaskBuild makes sure that the image of a build context exists in the registry.',
  spec: TaskBuildSpec,
  status: TaskBuildStatus,
  columns: [
    { name: 'Image', type: 'string', jsonPath: '.status.image' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: `${SUCCEEDED}.reason`,
      description: 'Reason of the condition Succeeded.',
    },
    {
      name: 'CacheHit',
      type: 'boolean',
      jsonPath: '.status.cacheHit',
      description: 'The image existed; nothing was built.',
    },
    age,
    { name: 'Digest', type: 'string', jsonPath: '.status.digest', priority: 1 },
  ],
  selectable: ['.spec.repository', '.spec.tag'],
});

export const definitions = [trialDefinition, taskBuildDefinition];

function definition(of: KindDefinition): CustomResourceDefinition {
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
      status: structural(status),
    },
  };
}
