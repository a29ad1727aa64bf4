/** A plan → tasks in the bucket and Trials in the cluster. */
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../../crds/kinds.ts';
import { taskId } from '../../../tasks/index.ts';
import { ApiError, isAlreadyExists } from '../../../kube/errors.ts';
import { Secret as SecretKind, type Secret } from '../../../kube/kinds.ts';
import { objectPath, queryString } from '../../../kube/http/paths.ts';
import type { Session } from '../../session/types.ts';
import { CliError } from '../../failures/error.ts';
import { explain } from '../../failures/explain.ts';
import { trialCount, type PlannedTask, type RunPlan, type TrialManifest } from '../plan/types.ts';
import { createBudget, inParallel } from '../../../async/in-parallel.ts';
import { isAboutObject, persistently, type Persistence } from '../../session/persistent.ts';
import type { Kind, KubeObject } from '../../../kube/types.ts';
import { UPLOADS, uploading } from './upload.ts';
import { findUnchanged, refusal } from './existing.ts';

type SubmitSession = Pick<Session, 'kube' | 'kubeParts' | 'namespace' | 'store'>;

export interface SubmitOptions {
  session: SubmitSession;
  plan: RunPlan;
  /** Nothing more is begun once it fires; the promise then rejects with its reason. */
  signal: AbortSignal;
  /** Told of everything that was done, as it is done. */
  onEvent?: (event: SubmitEvent) => void;
}

type SubmitEvent =
  /** `bytes` were sent; none where the version was in the bucket. */
  | { type: 'task'; folder: string; id: string; result: 'stored' | 'present'; bytes: number }
  | { type: 'trial'; name: string; result: 'created' | 'unchanged' }
  | { type: 'trial'; name: string; result: 'refused'; error: CliError }
  /** The one or the other does not answer and is asked again; told anew only after something was done. */
  | { type: 'waiting'; on: Party; why: string };

type Party = 'API server' | 'store';

export interface Submitted {
  /** Tasks that were stored now, or were there; bytes sent. */
  tasks: { stored: number; present: number; bytes: number };
  /** Trials that were created now. */
  created: number;
  /** Trials that were there with the same content, and were left alone. */
  unchanged: number;
  /** Trials that the API server does not take, or would not. All others were submitted nevertheless. */
  refused: { name: string; error: CliError }[];
}

/** Requests to the API server at once: as many as its client has connections. */
const REQUESTS = 32;

/**
 * Submits a run, and may be called again at any time with the same plan: what is there is left alone, so a command that was killed halfway is
 * simply run again. First the cluster is compared with the plan (SB-E038 where a Trial is there with other content; nothing is touched then),
 * then the Secret is written, then task after task is stored and its Trials are applied, sixteen tasks and thirty-two requests at once. One
 * task's zip at a time is in memory for each of the sixteen, and never more than 64 MiB of them together unless a single one is larger.
 *
 * A Trial that the API server refuses for what is in it (400, 422) is in `refused`. Everything else that fails ends the whole: CliError by
 * `explain`, such as SB-E006 with the missing permission or SB-E017 with the quota, saying how to go on. An API server that restarts, and a
 * store that is away, are waited for, a minute and a half.
 */
export async function submitRun(options: SubmitOptions): Promise<Submitted> {
  const { session, plan } = options;
  return new Submission({ ...options, effects: await realEffects(session, plan) }).run();
}

/** `submitRun` without storing anything: what the API server would say to every object (`--dry-run=server`). */
export async function dryRunServer(options: SubmitOptions): Promise<Submitted> {
  return new Submission({ ...options, effects: dryEffects(options.session) }).run();
}

/** What submitting does to the world outside; a dry run does less. */
interface Effects {
  upload: ReturnType<typeof uploading>;
  secret(secret: Secret): Promise<void>;
  apply(kind: Kind<KubeObject>, object: KubeObject): Promise<void>;
}

/** Stores tasks and applies objects. */
async function realEffects({ kube, store: open }: SubmitSession, plan: RunPlan): Promise<Effects> {
  const store = await open();
  if (store.bucket !== plan.bucket)
    throw new TypeError(`the plan is for bucket ${plan.bucket}, the store is ${store.bucket}`);
  return {
    upload: uploading(store, plan.folder),
    async secret(secret) {
      try {
        await kube.create(SecretKind, secret);
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
        // An earlier command of the same run may have put keys there that its Trials still need.
        const { namespace = '', name } = secret.metadata;
        await kube.patch(SecretKind, { namespace, name }, { data: secret.data });
      }
    },
    async apply(kind, object) {
      await kube.apply(kind, object);
    },
  };
}

/** Asks the API server what it would say; nothing is stored anywhere. */
function dryEffects({ kubeParts: { transport } }: SubmitSession): Effects {
  const apply = async (kind: Kind<KubeObject>, object: KubeObject): Promise<void> => {
    const { namespace = '', name } = object.metadata;
    const query = queryString({ fieldManager: 'sb', force: true, dryRun: 'All' });
    await transport.send({
      method: 'PATCH',
      path: objectPath(kind, { namespace, name }) + query,
      contentType: 'application/apply-patch+yaml',
      body: JSON.stringify(object),
    });
  };
  return {
    upload: () => Promise.resolve({ result: 'present', bytes: 0 }),
    secret: (secret) => apply(SecretKind, secret),
    apply,
  };
}

interface SubmissionOptions extends SubmitOptions {
  effects: Effects;
}

class Submission {
  readonly #options: SubmissionOptions;
  readonly #done: Submitted = {
    tasks: { stored: 0, present: 0, bytes: 0 },
    created: 0,
    unchanged: 0,
    refused: [],
  };
  readonly #request = createBudget(REQUESTS);
  readonly #persistence: Persistence;
  readonly #waitsFor = new Set<Party>();
  /** Names of Trials that need nothing. */
  #there: ReadonlySet<string> = new Set();

  constructor(options: SubmissionOptions) {
    this.#options = options;
    const { clock, random } = options.session.kubeParts;
    this.#done.refused.push(...options.plan.refused);
    this.#persistence = { clock, random, signal: options.signal, onWait: (error) => this.#wait(error) };
  }

  async run(): Promise<Submitted> {
    const { plan, signal, effects, session } = this.#options;
    try {
      this.#there = await persistently(() => findUnchanged(session, plan, signal), this.#persistence);
      const { secret } = plan;
      if (secret) await persistently(() => effects.secret(placed(secret, session)), this.#persistence);
      await inParallel(plan.tasks, (task) => this.#submitTask(task), { width: UPLOADS, signal });
      return this.#done;
    } catch (error) {
      signal.throwIfAborted();
      throw this.#halfway(error);
    }
  }

  async #submitTask(planned: PlannedTask): Promise<void> {
    const { effects, signal, onEvent } = this.#options;
    const { task, build, trials } = planned;
    const { result, bytes } = await persistently(() => effects.upload(planned), this.#persistence);
    this.#waitsFor.delete('store');
    this.#done.tasks[result] += 1;
    this.#done.tasks.bytes += bytes;
    onEvent?.({ type: 'task', folder: task.dir, id: taskId(task), result, bytes });
    if (build) await this.#apply(TaskBuildKind, build);
    await inParallel(trials, (trial) => this.#submitTrial(trial), { width: REQUESTS, signal });
  }

  async #submitTrial(trial: TrialManifest): Promise<void> {
    const { onEvent } = this.#options;
    const { name } = trial.metadata;
    const result = this.#there.has(name) ? 'unchanged' : 'created';
    try {
      if (result === 'created') await this.#apply(TrialKind, trial);
    } catch (error) {
      if (!isAboutObject(error)) throw error;
      const refused = refusal(trial, error);
      this.#done.refused.push({ name, error: refused });
      onEvent?.({ type: 'trial', name, result: 'refused', error: refused });
      return;
    }
    this.#done[result] += 1;
    onEvent?.({ type: 'trial', name, result });
  }

  /** Applying twice is applying once, so a lost answer does no harm. */
  async #apply(kind: Kind<KubeObject>, manifest: KubeObject): Promise<void> {
    const { effects, session } = this.#options;
    const object = placed(manifest, session);
    await this.#request(1, () => persistently(() => effects.apply(kind, object), this.#persistence));
    this.#waitsFor.delete('API server');
  }

  /** Dozens of requests wait at the same time; one word for all of them. */
  #wait(error: Error): void {
    const on = error instanceof ApiError ? 'API server' : 'store';
    if (this.#waitsFor.has(on)) return;
    this.#waitsFor.add(on);
    this.#options.onEvent?.({ type: 'waiting', on, why: error.message });
  }

  /** The failure, and how to go on from where it happened. */
  #halfway(error: unknown): CliError {
    const failure = explain(error);
    const { plan } = this.#options;
    const there = this.#done.created + this.#done.unchanged;
    if (there === 0) return failure;
    const { code, what, why, fix, exit } = failure;
    return new CliError(code, {
      what: `${what} (${there} of ${trialCount(plan)} Trials of ${plan.run} are there)`,
      why,
      fix: `${fix}\nthen run the same command again with --run-name ${plan.run}`,
      cause: failure.cause ?? error,
      exit,
    });
  }
}

/** The object in the session's namespace, unless it names one. */
const placed = <T extends KubeObject>(object: T, { namespace }: Pick<SubmitSession, 'namespace'>): T => ({
  ...object,
  metadata: { namespace, ...object.metadata },
});
