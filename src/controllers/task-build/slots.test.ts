import { expect } from 'chai';
import { after, aTaskBuild, stampOf, T0 } from '../../../test/support/builders.ts';
import { recordingLog } from '../../../test/support/kube.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import type { TaskBuild, TaskBuildStatus } from '../../crds/task-build.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import { bySlot } from './line.ts';
import { Slots } from './slots.ts';

const condition = (status: 'Unknown' | 'True' | 'False', reason: string): TaskBuildStatus => ({
  conditions: [{ type: 'Succeeded', status, reason, message: '', lastTransitionTime: stampOf(T0) }],
});
const OPEN: TaskBuildStatus = { attempts: [{ number: 1, token: 't' }] };
const WAITING = condition('Unknown', 'WaitingForSlot');
const ENDED: TaskBuildStatus = {
  ...condition('True', 'Built'),
  attempts: [{ number: 1, token: 't', completionTime: stampOf(T0) }],
};

class Line {
  readonly taskBuilds = new ObjectCache<TaskBuild>(TaskBuildKind);
  readonly slots: Slots;
  readonly woken: string[] = [];
  #version = 0;

  constructor(limit: number) {
    this.taskBuilds.addIndex('slot', bySlot);
    this.slots = new Slots(this.taskBuilds, limit);
    this.slots.feed().start(({ name }) => this.woken.push(name), recordingLog());
  }

  /** What the cache shows of a build from now on. Names begin with the second of their creation. */
  show(name: string, status?: TaskBuildStatus): TaskBuild {
    const build = aTaskBuild({ name, ...(status && { status }) });
    Object.assign(build.metadata, {
      uid: name,
      creationTimestamp: stampOf(after(Number.parseInt(name, 10))),
      resourceVersion: String(++this.#version),
    });
    this.taskBuilds.update(build);
    return build;
  }
}

describe('the slots for builds', () => {
  it('are given until there are none, at once and not when the cache shows it', () => {
    const { slots, show } = bound(new Line(2));
    expect(slots.enter(show('1'))).to.equal(undefined);
    expect(slots.enter(show('2'))).to.equal(undefined);
    expect(slots.enter(show('3'))).to.deep.equal({ ahead: 0, limit: 2 });
    show('1', OPEN);
    show('2', OPEN);
    expect(slots.enter(show('3'))).to.deep.equal({ ahead: 0, limit: 2 });
  });

  it('are given to a build once, however often it asks', () => {
    const { slots, show } = bound(new Line(1));
    const build = show('1');
    slots.enter(build);
    expect(slots.enter(build)).to.equal(undefined);
  });

  it('are served in the order of creation', () => {
    const { slots, show } = bound(new Line(1));
    show('1', OPEN);
    slots.enter(show('5'));
    expect(slots.enter(show('3'))).to.deep.equal({ ahead: 0, limit: 1 });
    expect(slots.enter(show('5', WAITING))).to.deep.equal({ ahead: 1, limit: 1 });
    show('1', ENDED);
    expect(slots.placeOf(show('5', WAITING))).to.deep.equal({ ahead: 1, limit: 1 });
    expect(slots.enter(show('3', WAITING))).to.equal(undefined);
    expect(slots.enter(show('5', WAITING))).to.deep.equal({ ahead: 0, limit: 1 });
  });

  it('know after a restart who builds and who waits, from the cache', () => {
    const line = new Line(2);
    const { show } = bound(line);
    show('1', OPEN);
    show('2', WAITING);
    const later = new Slots(line.taskBuilds, 2);
    expect(later.placeOf(show('3'))).to.deep.equal({ ahead: 1, limit: 2 });
    expect(later.enter(show('2', WAITING))).to.equal(undefined);
  });

  it('wake the next when a build ends, when one is deleted, and when a granted one is given up', () => {
    const { slots, show, woken, taskBuilds } = bound(new Line(1));
    const first = show('1', OPEN);
    show('2', WAITING);
    show('1', ENDED);
    expect(woken).to.deep.equal(['2']);
    const granted = show('3');
    slots.enter(show('2', WAITING));
    slots.leave(show('2', WAITING));
    expect(woken).to.deep.equal(['2', '2']);
    taskBuilds.remove(first);
    taskBuilds.remove(granted);
    expect(woken.length).to.be.at.least(3);
  });

  it('wake those alone whose turn it is or whose place is told otherwise', () => {
    const { show, woken } = bound(new Line(1));
    show('1', OPEN);
    for (let second = 10; second < 30; second++) show(String(second), WAITING);
    show('1', ENDED);
    // From 1 to 0, 2 to 1, 4 to 3, …: places before and after that are told alike wake nobody.
    expect(woken).to.deep.equal(['10', '11', '12', '14', '18', '26']);
  });

  it('forget a build that leaves the line', () => {
    const { slots, show } = bound(new Line(1));
    show('1', OPEN);
    const second = show('2');
    slots.enter(second);
    slots.leave(second);
    expect(slots.isInLine(second)).to.equal(false);
    expect(slots.enter(show('3'))).to.deep.equal({ ahead: 0, limit: 1 });
  });
});

const bound = (line: Line) => ({
  slots: line.slots,
  woken: line.woken,
  taskBuilds: line.taskBuilds,
  show: (name: string, status?: TaskBuildStatus) => line.show(name, status),
});
