/** `POST …/session`: who calls, whether they may, whether the Sandbox or Trial is there and ready; then a session token. */
import type { IncomingMessage } from 'node:http';
import { timestamp } from '../../crds/conditions.ts';
import { Sandbox as SandboxKind, Trial as TrialKind } from '../../crds/kinds.ts';
import { present } from '../../crds/present.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Kind, KubeClient, KubeObject, Store } from '../../kube/types.ts';
import { isRecord } from '../../text/json.ts';
import type { EnteredKey } from '../../wire/sandbox/names.ts';
import { SESSION_BODY_MAX, type SessionAnswer } from '../../wire/sandbox/session.ts';
import { readJson } from '../body.ts';
import { limiter } from '../rate.ts';
import { isRefused, refused } from '../refusal.ts';
import type { RefusalReason, Refused } from '../refusal.ts';
import { callerOf, type Caller, type CallerDeps } from './caller.ts';
import { signSession, type SessionTokenDeps } from './session-token.ts';
import { problemOf } from './target.ts';
import { problemOfTrial } from './trial.ts';

export interface SessionDeps extends CallerDeps, SessionTokenDeps {
  kube: KubeClient;
  sandboxes: Store<Sandbox>;
  trials: Store<Trial>;
  /** Undefined for whoever may enter that. */
  access: (caller: Caller, entered: EnteredKey) => Promise<Refused | undefined>;
}

/** Requests at the same time. */
const RUNNING_MAX = 256;
/** Looks at the API server for what this replica's cache does not know, within a second: of one caller and in all. */
const UNKNOWN = { each: 10, total: 50 } as const;

/** The token in a body; undefined in one without. */
function tokenIn(json: unknown): { token?: string } | Refused {
  if (!isRecord(json)) return refused(400, 'BadRequest', 'send a JSON object, as in { "token": "…" } or {}');
  const { token } = json;
  if (token === undefined) return {};
  return typeof token === 'string' ? { token } : refused(400, 'BadRequest', 'token is no text');
}

/** What a session may begin with. */
interface Begun {
  uid: string;
}

interface Looked<T extends KubeObject> {
  kind: Kind<T>;
  store: Store<T>;
  missing: RefusalReason;
  problemOf: (found: T) => Refused | undefined;
}

const begunBy = <T extends KubeObject>(found: T, { problemOf: problem }: Looked<T>): Begun | Refused =>
  problem(found) ?? { uid: found.metadata.uid ?? '' };

/** Whoever heard that it is ready may have heard it before this replica. */
const isBehind = (known: Begun | Refused | undefined): boolean =>
  known === undefined || (isRefused(known) && known.reason === 'NotReady');

/** Nobody learns what there is who may not use it: this comes last. */
function finding({ kube, sandboxes, trials, now }: SessionDeps) {
  const within = limiter(UNKNOWN);
  const ofKind = async <T extends KubeObject>(
    { namespace, name }: EnteredKey,
    caller: Caller,
    looked: Looked<T>,
  ): Promise<Begun | Refused> => {
    const { kind, store, missing } = looked;
    const cached = store.get({ namespace, name });
    const known = cached && begunBy(cached, looked);
    if (known && !isBehind(known)) return known;
    const none = `there is no ${kind.kind} ${name} in namespace ${namespace}; kubectl get ${kind.plural} -n ${namespace} lists those that there are`;
    if (!within(caller.name, now()))
      return (
        known ?? refused(503, 'Busy', `too many ask for unknown ${kind.plural} at the moment; try again`)
      );
    const asked = kube.get(kind, { namespace, name });
    const found = await (known ? asked.catch(() => undefined) : asked);
    return found ? begunBy(found, looked) : (known ?? refused(404, missing, none));
  };
  return (key: EnteredKey, caller: Caller): Promise<Begun | Refused> =>
    key.resource === 'trials'
      ? ofKind(key, caller, {
          kind: TrialKind,
          store: trials,
          missing: 'NoSuchTrial',
          problemOf: problemOfTrial,
        })
      : ofKind(key, caller, { kind: SandboxKind, store: sandboxes, missing: 'NoSuchSandbox', problemOf });
}

export type SessionRoute = (request: IncomingMessage, key: EnteredKey) => Promise<SessionAnswer | Refused>;

/** Rejects with `ApiError` where the API server does not answer. */
export function sessionRoute(deps: SessionDeps): SessionRoute {
  const { access } = deps;
  const found = finding(deps);
  let running = 0;

  const answer: SessionRoute = async (request, key) => {
    const body = await readJson(request, SESSION_BODY_MAX);
    if (isRefused(body)) return body;
    const given = tokenIn(body.json);
    if (isRefused(given)) return given;
    const caller = await callerOf(request, given.token, deps);
    if (isRefused(caller)) return caller;
    const refusal = await access(caller, key);
    if (refusal) return refusal;
    const begun = await found(key, caller);
    if (isRefused(begun)) return begun;
    const { uid } = begun;
    const { resource, namespace, name } = key;
    const session = { caller: caller.name, way: caller.way, ...present({ resource }), namespace, name, uid };
    const { token, expiresMs } = await signSession(session, deps);
    return { token, expiresAt: timestamp(new Date(expiresMs)), uid };
  };

  return async (request, key) => {
    if (running >= RUNNING_MAX) return refused(503, 'Busy', `${running} requests are running; try again`);
    running += 1;
    return answer(request, key).finally(() => (running -= 1));
  };
}
