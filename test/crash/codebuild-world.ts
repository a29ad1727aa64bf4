/** A world whose TaskBuilds are built by CodeBuild out of one context in its bucket. */
import { TaskBuild as TaskBuildKind } from '../../src/crds/kinds.ts';
import type { TaskBuildSpec } from '../../src/crds/task-build.ts';
import { aTaskBuild } from '../support/builders/objects.ts';
import type { Operation } from '../support/codebuild/index.ts';
import { World, type WorldOptions } from './world.ts';

const CONTEXT = 'tasks/local/hello/0123/context.zip';
export const context = { s3: { uri: `s3://memory/${CONTEXT}`, sha256: 'ab'.repeat(32) } };

export async function startWorld(options: WorldOptions): Promise<World> {
  const world = await World.start(options);
  await world.artifacts.put(CONTEXT, 'zip');
  return world;
}

/** Makes a TaskBuild, by default of that context. */
export function addTaskBuild(world: World, name: string, spec: Partial<TaskBuildSpec> = {}): void {
  const build = aTaskBuild({ spec: { context, tag: name, buildArgs: { NAME: name }, ...spec } });
  world.add(TaskBuildKind, { ...build, metadata: { name, namespace: 'default' } });
}

/** What the operator has asked CodeBuild for. */
export const callsOf = ({ codebuild }: World, operation: Operation) =>
  codebuild.calls.filter((call) => call.operation === operation);
