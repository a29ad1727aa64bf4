/** Our kinds, as the Kubernetes client knows them. */
import type { Kind } from '../kube/types.ts';
import { GROUP, VERSION } from './names.ts';
import type { TaskBuild as TaskBuildObject } from './task-build.ts';
import type { Trial as TrialObject } from './trial.ts';

const ours = { group: GROUP, version: VERSION, namespaced: true } as const;

export const Trial: Kind<TrialObject> = { ...ours, kind: 'Trial', plural: 'trials' };
export const TaskBuild: Kind<TaskBuildObject> = { ...ours, kind: 'TaskBuild', plural: 'taskbuilds' };
