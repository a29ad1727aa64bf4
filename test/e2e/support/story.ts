/** A Trial that a test tells a story about. */
import { conditionOf, type Condition } from '../../../src/crds/conditions.ts';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import { API_VERSION } from '../../../src/crds/names.ts';
import type { TrialFailedReason, TrialReason } from '../../../src/crds/reasons.ts';
import type { Trial, TrialSpec } from '../../../src/crds/trial.ts';
import { ConfigMap, Job, type Pod } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import type { Sparse } from '../../../src/client/runs/plan/types.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { eventually, eventuallyTrue } from '../../support/eventually.ts';
import type { SmallImage } from './images.ts';
import { taskConfigMap, type TaskFiles } from './task.ts';
import { world } from './world.ts';

export type Spec = Sparse<TrialSpec>;

export interface StoryOptions extends TaskFiles {
  /** `run` script of a custom agent; without it the agent is `oracle` where there is a solution, else `nop`. */
  agent?: string;
  /** An image made for the stories; default: debian:bookworm-slim. */
  image?: SmallImage;
  spec?: Spec;
  /** Of the Trial. */
  annotations?: Record<string, string>;
  /** What must be there before the Trial is made. */
  given?: (key: { namespace: string; name: string }) => Promise<unknown>;
  /** How the Trial and the ConfigMap of its task come into the cluster; by default they are created. */
  through?: (objects: KubeObject[]) => Promise<unknown>;
}

/** Small enough for twenty Pods on two nodes. */
export const SMALL = {
  requests: { cpu: '20m', memory: '32Mi', 'ephemeral-storage': '64Mi' },
  limits: { 'ephemeral-storage': '2Gi' },
};

const DONE_SECONDS = 240;

/** Lines of shell that say `@marker` and wait until the test lets them go on. */
export const hold = (marker: string): string =>
  `echo @${marker}\nuntil [ -e /tmp/go-${marker} ]; do sleep 0.1; done`;

function agentOf({ agent, solution, spec }: StoryOptions): NonNullable<Spec['agent']> {
  if (agent !== undefined) return { name: 'custom', run: `#!/bin/sh\n${agent}\n`, ...spec?.agent };
  return spec?.agent ?? { name: solution === undefined ? 'nop' : 'oracle' };
}

function environmentOf({ image, spec }: StoryOptions): NonNullable<Spec['environment']> {
  const { environment = {} } = spec ?? {};
  const reference = image?.reference ?? 'debian:bookworm-slim';
  const built = environment.build ?? environment.buildRef;
  return { ...(built ? {} : { image: reference }), resources: SMALL, ...environment };
}

const specOf = (name: string, options: StoryOptions): Spec => ({
  backoffSeconds: 1,
  startTimeoutSeconds: 300,
  run: 'e2e',
  task: { name: `e2e/${name}`, configMap: { name: `${name}-task` } },
  ...options.spec,
  agent: agentOf(options),
  environment: environmentOf(options),
});

/** The Trial of a story, and its task where that is a ConfigMap of its own. */
export function manifestsOf(
  key: { namespace: string; name: string },
  options: StoryOptions,
): { task?: ConfigMap; trial: Trial } {
  const { namespace, name } = key;
  const spec = specOf(name, options);
  const metadata = { ...key, ...(options.annotations && { annotations: options.annotations }) };
  const trial = { apiVersion: API_VERSION, kind: 'Trial', metadata, spec } as Trial;
  if (spec.task?.configMap?.name !== `${name}-task`) return { trial };
  return { trial, task: taskConfigMap({ namespace, name: `${name}-task` }, options) };
}

export const isTerminal = (trial: Trial): boolean =>
  ['True', 'False'].includes(conditionOf(trial, 'Succeeded')?.status ?? 'Unknown');

/** The stories that the running test has touched, for the diagnosis. */
export const touched = new Set<Story>();

export class Story {
  readonly name: string;
  readonly #options: StoryOptions;
  #namespace: string | undefined;
  #created: Promise<Trial> | undefined;

  constructor(name: string, options: StoryOptions, namespace?: string) {
    this.name = name;
    this.#options = options;
    this.#namespace = namespace;
  }

  get key(): { namespace: string; name: string } {
    return { namespace: this.#namespace ?? world().namespace, name: this.name };
  }

  /** Makes the Trial and what belongs to it, once. Resolves to the object as it was made. */
  start(): Promise<Trial> {
    touched.add(this);
    return this.make();
  }

  /** As `start`, for what runs the story behind the tests' back. */
  make(): Promise<Trial> {
    return (this.#created ??= this.#create());
  }

  async #create(): Promise<Trial> {
    const { image, given, through } = this.#options;
    await image?.ensure();
    await given?.(this.key);
    const { task, trial } = manifestsOf(this.key, this.#options);
    if (through) {
      await through([...(task ? [task] : []), trial]);
      return this.#eventually('is there', () => true);
    }
    const { kube } = world();
    if (task) await kube.create(ConfigMap, task);
    return kube.create(TrialKind, trial);
  }

  /** The object as last seen; undefined before it is made and after it is deleted. */
  get seen(): Trial | undefined {
    return world().trials.get(this.key);
  }

  condition(type: string): Condition | undefined {
    return this.seen && conditionOf(this.seen, type);
  }

  /** Starts the Trial and waits until it is as it should be. */
  async until(what: string, holds: (trial: Trial) => boolean, seconds?: number): Promise<Trial> {
    await this.start();
    return this.#eventually(what, holds, seconds);
  }

  #eventually(what: string, holds: (trial: Trial) => boolean, seconds?: number): Promise<Trial> {
    const ask = (): Trial | undefined => {
      const { seen } = this;
      return seen && holds(seen) ? seen : undefined;
    };
    return eventually(`Trial ${this.name}: ${what}`, ask, seconds);
  }

  /** Waits for the reason of the condition `Succeeded`. */
  says(reason: TrialReason, seconds?: number): Promise<Trial> {
    return this.until(
      `the reason ${reason}`,
      (trial) => conditionOf(trial, 'Succeeded')?.reason === reason,
      seconds,
    );
  }

  /** Waits for the terminal condition. */
  done(seconds = DONE_SECONDS): Promise<Trial> {
    return this.until('a terminal condition', isTerminal, seconds);
  }

  /** As `done`, for what runs the story behind the tests' back. */
  async ended(): Promise<void> {
    await this.make();
    await this.#eventually('a terminal condition', isTerminal, DONE_SECONDS);
  }

  /** Waits for the end, which must be this reward. */
  async earns(reward: number, seconds?: number): Promise<Trial> {
    const trial = await this.done(seconds);
    const { reason, message } = conditionOf(trial, 'Succeeded') ?? {};
    if (reason !== 'RewardObtained' || trial.status?.reward !== reward)
      throw new Error(`${this.name}: reward ${reward} expected, got ${reason}: ${message}`);
    return trial;
  }

  /** Waits for the end, which must be this failure; its message must match. */
  async fails(reason: TrialFailedReason, message = /./, seconds?: number): Promise<Trial> {
    const trial = await this.done(seconds);
    const found = conditionOf(trial, 'Succeeded');
    if (found?.status !== 'False' || found.reason !== reason || !message.test(found.message))
      throw new Error(
        `${this.name}: ${reason} (${message}) expected, got ${found?.reason}: ${found?.message}`,
      );
    if (trial.status?.reward !== undefined) throw new Error(`${this.name}: failed, and has a reward`);
    return trial;
  }

  /** Jobs that this Trial controls. */
  get jobs(): Job[] {
    const uid = this.seen?.metadata.uid;
    return uid === undefined ? [] : world().jobs.by('owner', uid);
  }

  /** Its reward, out of one attempt with one Job; asks the API server, because the watch may be behind after a fault. */
  async earnsAtOnce(reward: number, seconds?: number): Promise<Trial> {
    const trial = await this.earns(reward, seconds);
    const uid = trial.metadata.uid;
    const jobs = (await world().kube.list(Job, { namespace: this.key.namespace })).filter(({ metadata }) =>
      metadata.ownerReferences?.some((owner) => owner.uid === uid),
    );
    if (trial.status?.attempts?.length !== 1 || jobs.length !== 1)
      throw new Error(
        `${this.name}: one attempt and one Job expected, got ${trial.status?.attempts?.length} and ${jobs.length}`,
      );
    return trial;
  }

  /** Pods of those Jobs, the latest attempt's last. */
  get pods(): Pod[] {
    return this.jobs
      .toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name))
      .flatMap(({ metadata }) => world().pods.by('owner', metadata.uid ?? ''));
  }

  /** Waits for the latest attempt's Pod to run a container of the task's, or this one. */
  async running(container?: string): Promise<Pod> {
    await this.start();
    const isMeant = (name: string): boolean =>
      container === undefined ? name !== CONTAINERS.courier : name === container;
    const runs = (pod: Pod | undefined): boolean =>
      pod?.metadata.deletionTimestamp === undefined &&
      [...(pod?.status?.initContainerStatuses ?? []), ...(pod?.status?.containerStatuses ?? [])].some(
        ({ name, state }) => isMeant(name) && state?.running !== undefined,
      );
    const ask = (): Pod | undefined => {
      const latest = this.pods.at(-1);
      return latest && runs(latest) ? latest : undefined;
    };
    return eventually(`Trial ${this.name}: a running Pod`, ask, 120);
  }

  /** Waits until a phase has come to `hold(marker)` in its container, in the latest attempt. */
  async reaches(marker: string, container: string = CONTAINERS.task): Promise<Pod> {
    const pod = await this.running(container);
    const { namespace = '', name } = pod.metadata;
    const said = async (): Promise<boolean> => {
      const log = await world().kube.log({ namespace, name }, { container, tailLines: 100 });
      return log.includes(`@${marker}`);
    };
    await eventuallyTrue(`Trial ${this.name}: @${marker} in the log of ${name}`, said, 120);
    return pod;
  }

  /** Lets `hold(marker)` go on. */
  async release(marker: string, container: string = CONTAINERS.task): Promise<void> {
    const { metadata } = await this.running(container);
    await this.exec(metadata.name, ['touch', `/tmp/go-${marker}`], container);
  }

  /** Runs a command in a container of a Pod; resolves to its standard output. */
  exec(pod: string, command: string[], container: string = CONTAINERS.task): Promise<string> {
    return kubectlOk(['exec', '-n', this.key.namespace, pod, '-c', container, '--', ...command]);
  }

  /** Changes fields of the spec that may be changed. */
  change(spec: Pick<Spec, 'suspend' | 'cancel' | 'ttlSecondsAfterFinished'>): Promise<Trial> {
    return world().kube.patch(TrialKind, this.key, { spec });
  }

  /** Deletes the Trial and waits until neither it, nor a Job, nor a Pod of it is left. */
  async deleted(seconds = 120): Promise<void> {
    const jobs = this.jobs.map(({ metadata }) => metadata.uid ?? '');
    const uid = this.seen?.metadata.uid ?? '';
    await world().kube.delete(TrialKind, this.key, { propagation: 'Background' });
    await eventuallyTrue(
      `nothing left of Trial ${this.name}`,
      () =>
        !this.seen &&
        world().jobs.by('owner', uid).length === 0 &&
        jobs.every((job) => world().pods.by('owner', job).length === 0),
      seconds,
    );
  }
}
