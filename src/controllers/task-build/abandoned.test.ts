import { expect } from 'chai';
import { aTaskBuild, stampOf, T0 } from '../../../test/support/builders.ts';
import { recordingLog } from '../../../test/support/kube.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import type { ImageBuilder } from '../../providers/image-builder/port.ts';
import { stopsAbandoned } from './abandoned.ts';

describe('a TaskBuild that is deleted', () => {
  it('has its build stopped, where one is under way', () => {
    const taskBuilds = new ObjectCache<TaskBuild>(TaskBuildKind);
    const stopped: string[] = [];
    const builder = { stop: async ({ id }: { id: string }) => void stopped.push(id) };
    const attempt = { number: 1, token: 't' };
    const builds = [
      aTaskBuild({ name: 'running', status: { attempts: [{ ...attempt, buildId: 'project:1' }] } }),
      aTaskBuild({ name: 'opened', status: { attempts: [attempt] } }),
      aTaskBuild({
        name: 'ended',
        status: { attempts: [{ ...attempt, buildId: 'project:2', completionTime: stampOf(T0) }] },
      }),
    ];
    for (const build of builds) taskBuilds.update(build);
    stopsAbandoned(taskBuilds, builder as unknown as ImageBuilder).start(() => {}, recordingLog());
    for (const build of builds) taskBuilds.remove(build);
    expect(stopped).to.deep.equal(['project:1']);
  });
});
