/** What holds of Trials in Git whichever tool brings them into the cluster, as docs/gitops.md says it. */
import { expect } from 'chai';
import { conditionOf } from '../../../src/crds/conditions.ts';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { Event, Job } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { eventually, eventuallyTrue } from '../../support/eventually.ts';
import type { Changes } from './git-server.ts';
import { storedKeys } from './stored.ts';
import { ownTrial } from './stories.ts';
import { hold, isTerminal, manifestsOf, type Story, type StoryOptions } from './story.ts';
import { reward } from './task.ts';
import { world } from './world.ts';

/** What both say of an object. */
export type Health = 'Progressing' | 'Healthy' | 'Degraded';

/** A folder in Git that a tool keeps in the namespace of the stories. */
export interface Place {
  /** Resolves to the commit, once the tool has begun with it. */
  commit(changes: Changes): Promise<string>;
  /** Waits until the tool has applied the latest commit, and says so of all Trials in it together. */
  shows(health: Health): Promise<unknown>;
  /** Has the tool undo what somebody did to the objects in the cluster. */
  heals(): Promise<void>;
  /** Asks the tool to apply the latest commit again, and waits until it has. */
  syncAgain(): Promise<void>;
  /** Waits until the tool could not apply the commit, and says so. */
  refuses(revision: string, says: RegExp): Promise<void>;
}

/** Objects as a file of manifests. */
export const documents = (objects: readonly KubeObject[]): string =>
  objects.map((object) => JSON.stringify(object, undefined, 2)).join('\n---\n');

/** The story's file. */
export function fileOf(name: string, options: StoryOptions = {}): Changes {
  const { task, trial } = manifestsOf({ namespace: world().namespace, name }, options);
  return { [`${name}.yaml`]: documents([...(task ? [task] : []), trial]) };
}

const without = (...stories: Story[]): Changes =>
  Object.fromEntries(stories.map(({ name }) => [`${name}.yaml`, undefined]));

/** A Trial that a commit brings. */
export const gitTrial = (place: Pick<Place, 'commit'>, name: string, options: StoryOptions = {}): Story =>
  ownTrial(name, {
    ...options,
    through: (objects) => place.commit({ [`${name}.yaml`]: documents(objects) }),
  });

/** Different at each run, so that nobody can guess a reward that was not handed over. */
const RANDOM = { tests: `echo "0.$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')" > /logs/verifier/reward.txt` };

const reasonOf = (trial: Trial): string | undefined => conditionOf(trial, 'Succeeded')?.reason;

/** Waits until there is an object of the name that is not this one, and it has ended. */
export const comesAgain = (story: Story, before: Trial): Promise<Trial> =>
  eventually(
    `Trial ${story.name} comes again`,
    () => {
      const { seen } = story;
      return seen && seen.metadata.uid !== before.metadata.uid && isTerminal(seen) ? seen : undefined;
    },
    240,
  );

const isGone = (story: Story): Promise<void> =>
  eventuallyTrue(`Trial ${story.name} is gone`, () => story.seen === undefined, 120);

/** That the object took over what the first one came to, and nothing ran. */
export function expectAdopted(story: Story, again: Trial, first: Trial): void {
  expect(reasonOf(again)).to.equal('AlreadyRan');
  expect(again.status?.reward).to.be.a('number').and.equal(first.status?.reward);
  expect(again.status?.s3TrialUri).to.equal(first.status?.s3TrialUri);
  expect([again.status?.attempts, story.jobs]).to.deep.equal([undefined, []]);
}

/** That it is the very object, as it was, with so many Jobs. */
async function expectUntouched(story: Story, before: Trial, jobs = 1): Promise<void> {
  const now = await world().kube.get(TrialKind, story.key);
  expect(now?.metadata.uid).to.equal(before.metadata.uid);
  expect(now?.status).to.deep.equal(before.status);
  expect(story.jobs).to.have.length(jobs);
}

export interface Tool {
  /** What the names of its stories begin with. */
  prefix: string;
  place: (name: string) => Promise<Place>;
}

/** The stories; each has a folder of its own. */
export function describeTrialsInGit({ prefix, place: make }: Tool): void {
  const name = (of: string): string => `${prefix}-${of}`;

  describe('run once', () => {
    let place: Place;
    let first: Story;
    let ended: Trial;
    before(async () => {
      place = await make(name('once'));
      first = gitTrial(place, name('first'), RANDOM);
      ended = await first.done();
      await place.shows('Healthy');
    });

    it('whatever is synced again, or committed beside them', async () => {
      await place.syncAgain();
      await expectUntouched(first, ended);
      await gitTrial(place, name('second')).earnsAtOnce(1);
      await expectUntouched(first, ended);
    });

    it('also where somebody deletes one: it comes back with the reward that it had', async () => {
      await kubectlOk(['delete', 'trial', first.name, '-n', first.key.namespace]);
      await place.heals();
      expectAdopted(first, await comesAgain(first, ended), ended);
      await place.shows('Healthy');
    });

    it('and are deleted when they are removed from Git; their files stay', async () => {
      await place.commit(without(first));
      await isGone(first);
      expect([...(await storedKeys(ended)).keys()]).to.include('result.json');
    });

    it('also when they are put into Git again, unless they are asked to run', async () => {
      await place.commit(fileOf(first.name, RANDOM));
      const again = await comesAgain(first, ended);
      expectAdopted(first, again, ended);
      await place.commit(without(first));
      await isGone(first);
      await place.commit(fileOf(first.name, { ...RANDOM, spec: { rerun: 'Always' } }));
      const anew = await comesAgain(first, again);
      expect(reasonOf(anew)).to.equal('RewardObtained');
      expect(anew.status?.reward).not.to.equal(ended.status?.reward);
      expect(first.jobs).to.have.length(1);
    });
  });

  describe('whose task changes', () => {
    let place: Place;
    let old: Story;
    let ended: Trial;
    before(async () => {
      place = await make(name('changes'));
      old = gitTrial(place, name('old'), RANDOM);
      ended = await old.done();
    });

    it('have ended all the same', async () => {
      await place.commit(fileOf(old.name, { tests: reward(0) }));
      await eventuallyTrue('the ConfigMap is changed', async () =>
        (
          await kubectlOk(['get', 'configmap', `${old.name}-task`, '-n', old.key.namespace, '-o', 'yaml'])
        ).includes('echo 0'),
      );
      await place.shows('Healthy');
      await expectUntouched(old, ended);
    });

    it('are refused where somebody changes what is immutable, which harms nothing, and the next commit heals', async () => {
      const revision = await place.commit(fileOf(old.name, { ...RANDOM, spec: { run: 'another' } }));
      await place.refuses(revision, /run is immutable/);
      await expectUntouched(old, ended);
      await place.commit(fileOf(old.name, RANDOM));
      await place.shows('Healthy');
    });

    it('run under another name, in place of the old ones', async () => {
      const next = name('new');
      await place.commit({ ...without(old), ...fileOf(next) });
      await isGone(old);
      const story = ownTrial(next);
      const trial = await eventually(
        `Trial ${next}`,
        () => (story.seen && isTerminal(story.seen) ? story.seen : undefined),
        240,
      );
      expect(reasonOf(trial)).to.equal('RewardObtained');
      await place.shows('Healthy');
    });
  });

  describe('are cancelled', () => {
    let place: Place;
    before(async () => void (place = await make(name('cancelled'))));

    it('by hand, although Git says otherwise', async () => {
      const story = gitTrial(place, name('by-hand'), { agent: hold('work'), spec: { cancel: false } });
      await story.reaches('work');
      await story.change({ cancel: true });
      const ended = await story.fails('Cancelled');
      await place.heals();
      await eventuallyTrue('cancel is what Git says', () => story.seen?.spec.cancel === false);
      await place.shows('Degraded');
      expect(story.seen?.metadata.uid).to.equal(ended.metadata.uid);
      expect(reasonOf(story.seen!)).to.equal('Cancelled');
      expect(story.seen?.status?.attempts).to.have.length(1);
      expect(story.jobs.length, 'the Job of the attempt goes by and by').to.be.at.most(1);
    });

    it('from Git', async () => {
      const options = { agent: hold('work') };
      const story = gitTrial(place, name('from-git'), options);
      await story.reaches('work');
      await place.commit(fileOf(story.name, { ...options, spec: { cancel: true } }));
      const { status } = await story.fails('Cancelled');
      expect(status?.attempts).to.have.length(1);
    });
  });

  describe('with a time to live', () => {
    it('stay, when their Job has gone as well, and say why', async () => {
      const place = await make(name('expires'));
      const story = gitTrial(place, name('kept'), { ...RANDOM, spec: { ttlSecondsAfterFinished: 1 } });
      const ended = await story.done();
      await eventuallyTrue('an event says so', async () => {
        const events = await world().kube.list(Event, { namespace: story.key.namespace });
        return events.some(
          ({ involvedObject, reason }) =>
            involvedObject.uid === ended.metadata.uid && reason === 'KeptForGitOps',
        );
      });
      const [job] = story.jobs;
      expect(job?.spec?.ttlSecondsAfterFinished).to.equal(3600);
      // An hour later.
      const key = { namespace: story.key.namespace, name: job?.metadata.name ?? '' };
      await world().kube.patch(Job, key, { spec: { ttlSecondsAfterFinished: 0 } });
      await eventuallyTrue('the Job is gone', () => story.jobs.length === 0);
      await place.syncAgain();
      await place.shows('Healthy');
      await expectUntouched(story, ended, 0);
    });
  });
}
