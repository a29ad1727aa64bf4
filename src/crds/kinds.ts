/** Our kinds: their definitions, made of the types, and what the Kubernetes client knows of them. */
import type { Kind, KubeObject } from '../kube/types.ts';
import { definition, type Column, type CustomResourceDefinition } from './definition.ts';
import { GROUP, VERSION } from './names.ts';
import { SandboxSpec, SandboxStatus, type Sandbox as SandboxObject } from './sandbox.ts';
import { TaskBuildSpec, TaskBuildStatus, type TaskBuild as TaskBuildObject } from './task-build.ts';
import { TrialStatus } from './trial-status.ts';
import { TrialSpec, type Trial as TrialObject } from './trial.ts';

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

export const sandboxDefinition = definition({
  kind: 'Sandbox',
  singular: 'sandbox',
  plural: 'sandboxes',
  shortNames: ['sbx'],
  description: 'Sandbox keeps a container ready for commands and files until it expires.',
  spec: SandboxSpec,
  status: SandboxStatus,
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Status of the condition Ready.',
    },
    {
      name: 'Reason',
      type: 'string',
      // The first one: Ready, or Suspended in its place.
      jsonPath: '.status.conditions[0].reason',
      description: 'Reason of the condition Ready, or Suspended in its place.',
    },
    { name: 'Mode', type: 'string', jsonPath: '.spec.operatingMode' },
    { name: 'Node', type: 'string', jsonPath: '.status.nodeName' },
    { name: 'Expires', type: 'string', jsonPath: '.status.expiresAt' },
    age,
    { name: 'Owner', type: 'string', jsonPath: '.spec.owner', priority: 1 },
    { name: 'Pool', type: 'string', jsonPath: '.spec.poolRef.name', priority: 1 },
    { name: 'Pod', type: 'string', jsonPath: '.status.podName', priority: 1 },
    { name: 'Image', type: 'string', jsonPath: '.status.image', priority: 1 },
  ],
  selectable: ['.spec.owner', '.spec.poolRef.name', '.spec.operatingMode'],
});

/** All of them. */
export const definitions = [trialDefinition, taskBuildDefinition, sandboxDefinition];

const kindOf = <T extends KubeObject>({ spec }: CustomResourceDefinition): Kind<T> => ({
  group: GROUP,
  version: VERSION,
  namespaced: true,
  kind: spec.names.kind,
  plural: spec.names.plural,
});

/** As the Kubernetes client knows them. */
export const Trial: Kind<TrialObject> = kindOf(trialDefinition);
export const TaskBuild: Kind<TaskBuildObject> = kindOf(taskBuildDefinition);
export const Sandbox: Kind<SandboxObject> = kindOf(sandboxDefinition);
