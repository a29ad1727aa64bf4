/**
 * An ImageBuilder within the process. A build waits `queueMs`, runs `buildMs` (or until its own timeout), and then ends as `outcome`
 * says: well, where it says nothing. Time is the clock that it was given; nothing happens between two calls.
 */
import { createHash } from 'node:crypto';
import { ProviderError } from '../errors.ts';
import type { Build, BuildHandle, BuildState, ImageBuilder } from './port.ts';

export type Ended = Extract<BuildState, { kind: 'succeeded' | 'failed' }>;

export interface MemoryImageBuilderOptions {
  /** Milliseconds since the epoch. */
  now?: () => number;
  queueMs?: number;
  buildMs?: number;
  /** How a build ends; undefined: well, with a digest made of its image. */
  outcome?: (build: Build) => Ended | undefined;
  /** Told of each image when its end is first seen, as a registry is told of a push. */
  onPush?: (image: string, digest: string) => void;
  backend?: ImageBuilder['backend'];
  /** Called before every operation; an error that it returns is what the operation throws. */
  fault?: (operation: string) => ProviderError | undefined;
}

interface Started {
  build: Build;
  at: number;
  ended?: Ended;
}

const pushedDigest = ({ image }: Build): string =>
  `sha256:${createHash('sha256').update(image).digest('hex')}`;

const timedOut = ({ timeoutSeconds }: Build): Ended => ({
  kind: 'failed',
  reason: 'BuildTimeout',
  message: `the build outlived its ${timeoutSeconds} seconds`,
  logTail: [],
});

export class MemoryImageBuilder implements ImageBuilder {
  readonly backend: ImageBuilder['backend'];
  readonly pollMs = 10;
  readonly tokenLifeMs = Number.POSITIVE_INFINITY;
  /** Every build that was begun, in order; the same token started again is no new one. */
  readonly started: Build[] = [];
  readonly #options: MemoryImageBuilderOptions;
  readonly #now: () => number;
  readonly #builds = new Map<string, Started>();

  constructor(options: MemoryImageBuilderOptions) {
    this.#options = options;
    this.backend = options.backend ?? 'BuildKit';
    this.#now = options.now ?? Date.now;
  }

  async start(build: Build): Promise<BuildHandle> {
    this.#begin('start');
    const id = `${build.owner.namespace}/${build.token}`;
    const known = this.#builds.get(id);
    if (known && known.build.owner.uid !== build.owner.uid) {
      throw new ProviderError('Invalid', `start ${id}: the token belongs to another TaskBuild`);
    }
    if (!known) {
      this.#builds.set(id, { build, at: this.#now() });
      this.started.push(build);
    }
    return { id, namespace: build.owner.namespace };
  }

  async states(handles: BuildHandle[]): Promise<Map<string, BuildState>> {
    this.#begin('states');
    return new Map(handles.map(({ id }) => [id, this.#state(id)]));
  }

  /** Also what a builder that lost a build looks like: afterwards it knows no such build. */
  async stop({ id }: BuildHandle): Promise<void> {
    this.#begin('stop');
    this.#builds.delete(id);
  }

  #state(id: string): BuildState {
    const known = this.#builds.get(id);
    if (!known) return { kind: 'unknown' };
    const { queueMs = 0, buildMs = 0 } = this.#options;
    const timeoutMs = known.build.timeoutSeconds * 1000;
    const ran = this.#now() - known.at - queueMs;
    if (ran < 0) return { kind: 'queued' };
    if (ran < Math.min(buildMs, timeoutMs))
      return { kind: 'running', since: new Date(known.at + queueMs).toISOString() };
    known.ended ??= this.#end(known.build, buildMs > timeoutMs);
    return known.ended;
  }

  #end(build: Build, late: boolean): Ended {
    if (late) return timedOut(build);
    const ended = this.#options.outcome?.(build) ?? { kind: 'succeeded', digest: pushedDigest(build) };
    if (ended.kind === 'succeeded') this.#options.onPush?.(build.image, ended.digest);
    return ended;
  }

  #begin(operation: string): void {
    const error = this.#options.fault?.(operation);
    if (error) throw error;
  }
}

export const memoryImageBuilder = (options: MemoryImageBuilderOptions = {}): MemoryImageBuilder =>
  new MemoryImageBuilder(options);
