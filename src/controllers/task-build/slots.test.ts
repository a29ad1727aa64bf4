import { expect } from 'chai';
import { after, aTaskBuild, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import { recordingLog } from '../../../test/support/kube.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import type { TaskBuild, TaskBuildStatus } from '../../crds/task-build.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import { bySlot } from './queue.ts';
import { Slots } from './slots.ts';

const condition = (status: 'Unknown' | 'True' | 'False', reason: string): TaskBuildStatus => ({
  conditions: [{ type: 'Succeeded', status, reason, message: '', lastTransitionTime: stampOf(T0) }],
});
const OPEN: TaskBuildStatus = { attempts: [{ number: 1, token: 't' }] };
const AT_BUILDER: TaskBuildStatus = { attempts: [{ number: 1, token: 't', buildId: 'b' }] };
const WAITING = condition('Unknown', 'WaitingForSlot');
const ENDED: TaskBuildStatus = {
  ...condition('True', 'Built'),
  attempts: [{ number: 1, token: 't', completionTime: stampOf(T0) }],
};

class Room {
  readonly taskBuilds = new ObjectCache<TaskBuild>(TaskBuildKind);
  readonly slots: Slots;
  readonly woken: string[] = [];
  #version = 0;

  now = 0;

  constructor(limit: number, share?: number) {
    this.taskBuilds.addIndex('slot', bySlot);
    this.slots = new Slots(this.taskBuilds, limit, {
      ...(share !== undefined && { share }),
      now: () => this.now,
    });
    this.slots.feed().start(({ name }) => this.woken.push(name), recordingLog());
  }

  /** What the cache shows of a build from now on. Names begin with the second of their creation; a namespace may stand behind `@`. */
  show(name: string, status?: TaskBuildStatus): TaskBuild {
    const build = aTaskBuild({ name, ...(status && { status }) });
    Object.assign(build.metadata, {
      uid: name,
      namespace: name.split('@')[1] ?? 'default',
      creationTimestamp: stampOf(after(Number.parseInt(name, 10))),
      resourceVersion: String(++this.#version),
    });
    this.taskBuilds.update(build);
    return build;
  }
}

describe('the slots for builds', () => {
  it('are given until there are none, at once and not when the cache shows it', () => {
    const { slots, show } = bound(new Room(2));
    expect(slots.enter(show('1'))).to.equal(undefined);
    expect(slots.enter(show('2'))).to.equal(undefined);
    expect(slots.enter(show('3'))).to.deep.equal({ queuedAhead: 0, limit: 2, share: 2 });
    show('1', OPEN);
    show('2', OPEN);
    expect(slots.enter(show('3'))).to.deep.equal({ queuedAhead: 0, limit: 2, share: 2 });
  });

  it('are given to a build once, however often it asks', () => {
    const { slots, show } = bound(new Room(1));
    const build = show('1');
    slots.enter(build);
    expect(slots.enter(build)).to.equal(undefined);
  });

  it('are served in the order of creation', () => {
    const { slots, show } = bound(new Room(1));
    show('1', OPEN);
    slots.enter(show('5'));
    expect(slots.enter(show('3'))).to.deep.equal({ queuedAhead: 0, limit: 1, share: 1 });
    expect(slots.enter(show('5', WAITING))).to.deep.equal({ queuedAhead: 1, limit: 1, share: 1 });
    show('1', ENDED);
    expect(slots.positionOf(show('5', WAITING))).to.deep.equal({ queuedAhead: 1, limit: 1, share: 1 });
    expect(slots.enter(show('3', WAITING))).to.equal(undefined);
    expect(slots.enter(show('5', WAITING))).to.deep.equal({ queuedAhead: 0, limit: 1, share: 1 });
  });

  it('know after a restart who builds and who waits, from the cache', () => {
    const room = new Room(2);
    const { show } = bound(room);
    show('1', OPEN);
    show('2', WAITING);
    const later = new Slots(room.taskBuilds, 2);
    expect(later.positionOf(show('3'))).to.deep.equal({ queuedAhead: 1, limit: 2, share: 2 });
    expect(later.enter(show('2', WAITING))).to.equal(undefined);
  });

  it('wake the next when a build ends, when one is deleted, and when a granted one is given up', () => {
    const { slots, show, woken, taskBuilds } = bound(new Room(1));
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

  it('wake those alone whose turn it is or whose position is reported otherwise', () => {
    const { show, woken } = bound(new Room(1));
    show('1', OPEN);
    for (let second = 10; second < 30; second++) show(String(second), WAITING);
    show('1', ENDED);
    // From 1 to 0, 2 to 1, 4 to 3, …: places before and after that are told alike wake nobody.
    expect(woken).to.deep.equal(['10', '11', '12', '14', '18', '26']);
  });

  it('are not all taken by a namespace that came first with twenty: another’s build is next', () => {
    const { slots, show } = bound(new Room(2));
    show('1@greedy', OPEN);
    show('2@greedy', OPEN);
    for (let second = 10; second < 30; second++) show(`${second}@greedy`, WAITING);
    expect(slots.enter(show('90@modest'))).to.deep.equal({ queuedAhead: 0, limit: 2, share: 2 });
    show('90@modest', WAITING);
    show('1@greedy', ENDED);
    expect(slots.enter(show('10@greedy', WAITING))).to.deep.equal({ queuedAhead: 0, limit: 2, share: 2 });
    expect(slots.enter(show('90@modest', WAITING))).to.equal(undefined);
  });

  it('are all for a namespace that is alone', () => {
    const { slots, show } = bound(new Room(3));
    for (const name of ['1@one', '2@one', '3@one']) expect(slots.enter(show(name))).to.equal(undefined);
  });

  it('are taken in turns by namespaces that have many waiting', () => {
    const { slots, show } = bound(new Room(4));
    const builds = ['1@a', '2@a', '3@a', '4@a', '5@b', '6@b', '7@c'].map((name) => show(name, WAITING));
    const served = builds.filter((build) => slots.positionOf(build) === undefined);
    expect(served.map(({ metadata }) => metadata.name)).to.deep.equal(['1@a', '2@a', '5@b', '7@c']);
  });

  it('go to the older of two, whatever their namespaces are called', () => {
    const { slots, show } = bound(new Room(1));
    show('2@aaa', WAITING);
    show('1@zzz', WAITING);
    expect(slots.positionOf(show('2@aaa', WAITING))).to.deep.equal({ queuedAhead: 0, limit: 1, share: 1 });
    expect(slots.positionOf(show('1@zzz', WAITING))).to.equal(undefined);
  });

  it('stay free where a namespace has its share, until it ends one of its builds or another comes', () => {
    const { slots, show, woken } = bound(new Room(3, 1));
    show('1@a', OPEN);
    expect(slots.enter(show('2@a'))).to.deep.equal({ queuedAhead: 0, limit: 3, share: 1 });
    show('2@a', WAITING);
    expect(slots.enter(show('3@b'))).to.equal(undefined);
    show('1@a', ENDED);
    expect(woken).to.include('2@a');
    expect(slots.enter(show('2@a', WAITING))).to.equal(undefined);
  });

  it('were twenty for a builder that takes six, of which the last ran out of time in its queue', () => {
    const room = new Room(20);
    const { slots, show } = bound(room);
    for (let n = 1; n <= 20; n++) expect(slots.enter(show(`${n}`))).to.equal(undefined);
    for (let n = 1; n <= 6; n++) show(`${n}`, AT_BUILDER);
    for (let n = 7; n <= 20; n++) {
      slots.builderIsFull();
      slots.leave(show(`${n}`));
    }
    for (let n = 1; n <= 4; n++) show(`${n}`, ENDED);
    expect(slots.enter(show('7'))).to.equal(undefined);
    expect(slots.enter(show('8'))).to.include({ limit: 3 });
    room.now += 60_000;
    expect(slots.enter(show('8'))).to.equal(undefined);
    expect(slots.enter(show('9'))).to.include({ limit: 4 });
    room.now += 86_400_000;
    expect(slots.enter(show('9'))).to.equal(undefined);
  });

  it('forget a build that leaves the queue', () => {
    const { slots, show } = bound(new Room(1));
    show('1', OPEN);
    const second = show('2');
    slots.enter(second);
    slots.leave(second);
    expect(slots.isQueued(second)).to.equal(false);
    expect(slots.enter(show('3'))).to.deep.equal({ queuedAhead: 0, limit: 1, share: 1 });
  });
});

const bound = (room: Room) => ({
  slots: room.slots,
  woken: room.woken,
  taskBuilds: room.taskBuilds,
  show: (name: string, status?: TaskBuildStatus) => room.show(name, status),
});
