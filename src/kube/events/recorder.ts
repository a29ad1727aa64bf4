import type { Clock } from '../../async/clock.ts';
import { isNotFound } from '../errors.ts';
import { Event, type ObjectReference } from '../kinds.ts';
import type { EventRecorder, KubeClient, KubeObject, Log } from '../types.ts';
import { outsideReconciliation } from '../work/reconciliation.ts';
import { Correlator, type Correlated, type Note } from './correlator.ts';

export interface RecorderOptions {
  client: Pick<KubeClient, 'create' | 'patch'>;
  /** Shown as the source of the events. */
  component: string;
  /** Which replica it was. */
  instance: string;
  clock: Clock;
  random: () => number;
  log: Log;
}

/** Waiting events past this are dropped: events are best effort and must not fill the memory of an operator cut off. */
const BACKLOG = 1000;
/** Longest message that the API server takes. */
const MESSAGE_LENGTH = 1024;

interface Pending {
  about: ObjectReference;
  note: Note;
}

function reference({ apiVersion, kind, metadata }: KubeObject): ObjectReference {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    name,
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}

/** Writes events one after the other, in the background. */
class Recorder implements EventRecorder {
  readonly #options: RecorderOptions;
  readonly #correlator: Correlator;
  readonly #pending: Pending[] = [];
  #idle: Promise<void> = Promise.resolve();
  #busy = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#correlator = new Correlator(() => options.clock.now());
  }

  normal(object: KubeObject, reason: string, message: string): void {
    this.#record(object, { type: 'Normal', reason, message });
  }

  warning(object: KubeObject, reason: string, message: string): void {
    this.#record(object, { type: 'Warning', reason, message });
  }

  flush(): Promise<void> {
    return this.#idle;
  }

  #record(object: KubeObject, text: Omit<Note, 'about' | 'namespace'>): void {
    if (this.#pending.length >= BACKLOG) return;
    const about = reference(object);
    const identity = [about.kind, about.namespace, about.name, about.uid].join('/');
    const message = text.message.slice(0, MESSAGE_LENGTH);
    const { namespace = '' } = about;
    this.#pending.push({ about, note: { ...text, message, about: identity, namespace } });
    if (this.#busy) return;
    this.#busy = true;
    this.#idle = outsideReconciliation(() => this.#drain());
  }

  async #drain(): Promise<void> {
    for (let next = this.#pending.shift(); next; next = this.#pending.shift()) {
      try {
        await this.#write(next);
      } catch (error) {
        this.#options.log.warn({ event: next.note, err: error }, 'event not written');
      }
    }
    this.#busy = false;
  }

  async #write({ about, note }: Pending): Promise<void> {
    const event = this.#correlator.correlate(note);
    if (!event) return;
    if (event.name === undefined || !(await this.#countUp(about, event)))
      await this.#create({ about, note }, event);
  }

  async #countUp(about: ObjectReference, event: Correlated): Promise<boolean> {
    const { client, clock } = this.#options;
    const lastTimestamp = new Date(clock.now()).toISOString();
    const key = { namespace: about.namespace ?? 'default', name: event.name ?? '' };
    try {
      await client.patch(Event, key, { count: event.count, message: event.message, lastTimestamp });
      return true;
    } catch (error) {
      // Events live for an hour; a forgotten one is written anew.
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #create({ about, note }: Pending, event: Correlated): Promise<void> {
    const { client, clock, random, component, instance } = this.#options;
    const suffix = (clock.now() * 1000 + Math.floor(random() * 1000)).toString(16);
    // Event names end in a time and must not pass 253 characters.
    const name = `${about.name.slice(0, 235)}.${suffix}`;
    await client.create(Event, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace: about.namespace ?? 'default' },
      involvedObject: about,
      type: note.type,
      reason: note.reason,
      message: event.message,
      count: event.count,
      firstTimestamp: new Date(event.firstSeen).toISOString(),
      lastTimestamp: new Date(clock.now()).toISOString(),
      source: { component },
      reportingComponent: component,
      reportingInstance: instance,
    });
    event.written(name);
  }
}

/** An `EventRecorder`; `flush` resolves when everything recorded so far was written or given up. */
export function createEventRecorder(options: RecorderOptions): EventRecorder & { flush(): Promise<void> } {
  return new Recorder(options);
}
