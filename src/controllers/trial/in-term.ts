/**
 * What this process has seen of Trials in one term as leader, beside what they say themselves. It goes with the term, for nobody tells it what becomes of
 * them under another leader.
 */
import { isFinished } from '../../crds/conditions.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import { identityOf } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import { keyOf, type WatchedStore } from '../../kube/cache/cache.ts';
import { compareVersions } from '../../kube/cache/versions.ts';
import { collectionPath } from '../../kube/http/paths.ts';
import type { KubeClient, ObjectKey } from '../../kube/types.ts';
import type { Feed } from '../../kube/work/feed.ts';

export interface InTermSources {
  kube: Pick<KubeClient, 'raw'>;
  trials: WatchedStore<Trial>;
}

export class InTerm {
  readonly #sources: InTermSources;
  /** By UID: Trials that were created in this term, and for which nobody has made a Job. */
  readonly #unbegun = new Set<string>();
  /** By namespace: names of Trials in a state that passes. */
  readonly #passing = new Map<string, Set<string>>();

  constructor(sources: InTermSources) {
    this.#sources = sources;
  }

  /** Feeds nothing: it is there for a term as leader. */
  feed(): Feed {
    return {
      start: () => {
        // A pass that outlived the last term may have left something.
        this.#forget();
        const end = this.#watch();
        return () => {
          end();
          this.#forget();
        };
      },
    };
  }

  /**
   * Whether it is certain that no attempt at this Trial was ever begun: it was created while this process led, which has made no Job for it.
   * False of one of which that is not known.
   */
  isUnbegun({ metadata: { uid = '' } }: Trial): boolean {
    return this.#unbegun.has(uid);
  }

  /** To be called before its Job is made. */
  begins(trial: Trial): void {
    this.#unbegun.delete(identityOf(trial).uid);
  }

  /**
   * Takes down whether a Trial is in a state that passes. Returns how many are, if each namespace that has any has as many as that of this Trial: what
   * all may write together is shared evenly between namespaces.
   */
  passes({ namespace, name }: ObjectKey, isPassing: boolean): number {
    const own = this.#passing.get(namespace) ?? new Set<string>();
    if (isPassing) this.#passing.set(namespace, own.add(name));
    else if (own.delete(name) && own.size === 0) this.#passing.delete(namespace);
    return own.size * this.#passing.size;
  }

  #watch(): () => void {
    let since: string | undefined;
    this.#version().then(
      (version) => (since = version),
      // Then nothing is certain in this term.
      () => undefined,
    );
    return this.#sources.trials.subscribe((change) => {
      const { uid = '', resourceVersion } = change.object.metadata;
      if (change.type === 'deleted') {
        this.#unbegun.delete(uid);
        this.passes(keyOf(change.object), false);
      }
      // What a list has may have been there for long, and was changed since. A watch brings it as it was created.
      if (change.type !== 'added' || change.initial) return;
      // Where many come at once, each waits for its first pass as well.
      if (!isFinished(change.object)) this.passes(keyOf(change.object), true);
      if (since !== undefined && compareVersions(resourceVersion, since) > 0) this.#unbegun.add(uid);
    });
  }

  /** The version of all Trials now, which the watch may only come to: what it brings first may be from the term of another. */
  async #version(): Promise<string | undefined> {
    const list = await this.#sources.kube.raw(`${collectionPath(TrialKind)}?limit=1`);
    return (list as { metadata?: { resourceVersion?: string } }).metadata?.resourceVersion;
  }

  #forget(): void {
    this.#unbegun.clear();
    this.#passing.clear();
  }
}
