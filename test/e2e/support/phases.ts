/** Trials that are in all phases at once, for a fault to meet them there. */
import type { Trial } from '../../../src/crds/trial.ts';
import type { Pod } from '../../../src/kube/kinds.ts';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import { ConfigMap } from '../../../src/kube/kinds.ts';
import { trialPrefix } from '../../../src/results/keys.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { checkedManifest } from './stored.ts';
import { hold, type Story } from './story.ts';
import { ownTrial } from './stories.ts';
import { reward } from './task.ts';
import { world } from './world.ts';

/** A Pod, and the container in which its phase runs. */
export interface Held {
  pod: Pod;
  container: string;
}

const SEPARATE = '[verifier]\nenvironment_mode = "separate"\n';

/** Every Trial has its reward, out of one attempt with one Job, and its files. */
export async function allEarn(stories: readonly Story[], seconds = 180): Promise<void> {
  const done = await Promise.all(stories.map((story) => story.earnsAtOnce(1, seconds)));
  for (const trial of done) await checkedManifest(trial);
}

/** Trials whose Pods wait in one phase each until the test lets them go on. */
function heldInPods(prefix: string) {
  const held = {
    checked: ownTrial(`${prefix}-checked`, {
      spec: {
        environment: {
          healthcheck: { command: hold('health'), timeoutSeconds: 120, intervalSeconds: 1, retries: 3 },
        },
      },
    }),
    installing: ownTrial(`${prefix}-installing`, {
      agent: 'true',
      spec: { agent: { install: `#!/bin/sh\n${hold('install')}` } },
    }),
    working: ownTrial(`${prefix}-working`, { agent: hold('work') }),
    judging: ownTrial(`${prefix}-judging`, { tests: `${hold('judge')}\n${reward(1)}` }),
    judgingApart: ownTrial(`${prefix}-judging-apart`, {
      toml: SEPARATE,
      tests: `${hold('judge')}\n${reward(1)}`,
    }),
    inSecondStep: ownTrial(`${prefix}-second-step`, {
      toml: '[[steps]]\nname = "one"\n[[steps]]\nname = "two"\n',
      files: {
        'steps__one__instruction.md': 'One.\n',
        'steps__two__instruction.md': 'Two.\n',
        'steps__one__solution__solve.sh': '#!/bin/sh\ntrue\n',
        'steps__two__solution__solve.sh': `#!/bin/sh\n${hold('second')}\n`,
      },
      spec: { agent: { name: 'oracle' } },
    }),
  };
  const markers: [Story, string, string?][] = [
    [held.checked, 'health'],
    [held.installing, 'install'],
    [held.working, 'work'],
    [held.judging, 'judge'],
    [held.judgingApart, 'judge', CONTAINERS.verifier],
    [held.inSecondStep, 'second'],
  ];
  return {
    held,
    /** Resolves when each has come to its phase. */
    arrive: (): Promise<Held[]> =>
      Promise.all(
        markers.map(async ([story, marker, container = CONTAINERS.task]) => ({
          pod: await story.reaches(marker, container),
          container,
        })),
      ),
    release: async (only: Story[] = Object.values(held)): Promise<void> => {
      const released = markers.filter(([story]) => only.includes(story));
      await Promise.all(released.map(([story, marker, container]) => story.release(marker, container)));
    },
  };
}

/** A Trial in each phase, from the build to the upload, and how each goes on when it is let go. */
export function inEveryPhase(prefix: string) {
  const { held, arrive, release } = heldInPods(prefix);
  const uploading = uploadsForLong(`${prefix}-uploading`, hold('fill'));
  const building = ownTrial(`${prefix}-building`, {
    spec: { environment: { build: { context: { configMap: { name: `${prefix}-context` } } } } },
    given: ({ namespace }) =>
      world().kube.create(ConfigMap, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace, name: `${prefix}-context` },
        data: { Dockerfile: `FROM debian:bookworm-slim\nRUN echo ${Date.now()}; sleep 8` },
      }),
  });
  const fresh = ownTrial(`${prefix}-fresh`);
  return {
    all: [building, ...Object.values(held), uploading, fresh],
    /** Resolves when each is where it should be; the last one was made just now. */
    arrive: async (): Promise<void> => {
      await Promise.all([arrive(), uploading.reaches('fill')]);
      // What nobody can hold comes last.
      await building.says('BuildingImage');
      await uploading.release('fill');
      await uploadBegins(uploading);
      await fresh.start();
    },
    release: (): Promise<void> => release(),
  };
}

/** A Trial in each phase that has a Pod, from the healthcheck to the upload. */
export function inEveryPhaseOfPods(prefix: string) {
  const { held, arrive, release } = heldInPods(prefix);
  const uploading = uploadsForLong(`${prefix}-uploading`, hold('fill'));
  const fresh = ownTrial(`${prefix}-fresh`);
  const all = [...Object.values(held), uploading];
  const areHeld = async (): Promise<Held[]> => {
    const [pods] = await Promise.all([arrive(), uploading.reaches('fill')]);
    return pods;
  };
  return {
    ...held,
    uploading,
    fresh,
    held: Object.values(held),
    /** Resolves to where those are that are held, then the one that uploads; the last Trial was made just now. */
    arrive: async (): Promise<Held[]> => {
      const pods = await areHeld();
      await uploading.release('fill');
      const pod = await uploadBegins(uploading);
      await fresh.start();
      return [...pods, { pod, container: CONTAINERS.task }];
    },
    /** Resolves when all but the last are held in their second attempt. */
    arriveAgain: async (): Promise<void> => {
      const again = ({ status }: Trial): boolean => status?.attempts?.length === 2;
      await Promise.all(all.map((story) => story.until('a second attempt', again, 300)));
      await areHeld();
    },
    /** Lets those that are held go on, or some of them. */
    release: async (only: Story[] = all): Promise<void> => {
      await Promise.all([release(only), only.includes(uploading) && uploading.release('fill')]);
    },
  };
}

const FILES = 2000;

/** A Trial with so many files that a fault meets it while they are stored; those of a later attempt are longer. `before`: what its agent does first. */
export const uploadsForLong = (name: string, before = ''): Story =>
  ownTrial(name, {
    agent: [
      before,
      'case $(cat /etc/hostname) in *-1-?????) more= ;; *) more=again ;; esac',
      'mkdir /logs/artifacts/x; cd /logs/artifacts/x',
      `for i in $(seq ${FILES}); do echo $i$more > $i; done`,
    ].join('\n'),
  });

/** Resolves to the Pod when the first file is in the bucket. */
export async function uploadBegins(story: Story): Promise<Pod> {
  const [trial, pod] = await Promise.all([story.start(), story.running()]);
  const begun = async (): Promise<boolean> => {
    const first = await world().artifacts.list(trialPrefix(trial))[Symbol.asyncIterator]().next();
    return first.done !== true;
  };
  await eventuallyTrue(`the first file of ${story.name} is in the bucket`, begun, 120);
  return pod;
}
