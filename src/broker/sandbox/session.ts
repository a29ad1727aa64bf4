/** `POST …/session`: who calls, whether they may, whether the Sandbox is there and ready; then a session token. */
import type { IncomingMessage } from 'node:http';
import { timestamp } from '../../crds/conditions.ts';
import { Sandbox as SandboxKind } from '../../crds/kinds.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { KubeClient, ObjectKey, Store } from '../../kube/types.ts';
import { isRecord } from '../../text/json.ts';
import { SESSION_BODY_MAX, type SessionAnswer } from '../../wire/sandbox/session.ts';
import { readJson } from '../body.ts';
import { limiter } from '../rate.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import { callerOf, type Caller, type CallerDeps } from './caller.ts';
import { signSession, type SessionTokenDeps } from './session-token.ts';
import { problemOf } from './target.ts';

export interface SessionDeps extends CallerDeps, SessionTokenDeps {
  kube: KubeClient;
  sandboxes: Store<Sandbox>;
  /** Undefined for whoever may use that Sandbox. */
  access: (caller: Caller, sandbox: ObjectKey) => Promise<Refused | undefined>;
}

/** Requests at the same time. */
const RUNNING_MAX = 256;
/** Names that no cache knows, within a second: of one caller and in all. */
const UNKNOWN = { each: 10, total: 50 } as const;

/** The token in a body; undefined in one without. */
function tokenIn(json: unknown): { token?: string } | Refused {
  if (!isRecord(json)) return refused(400, 'BadRequest', 'send a JSON object, as in { "token": "…" } or {}');
  const { token } = json;
  if (token === undefined) return {};
  return typeof token === 'string' ? { token } : refused(400, 'BadRequest', 'token is no text');
}

/** Nobody learns which Sandboxes there are who may not use them: this comes last. */
function finding({ kube, sandboxes, now }: SessionDeps) {
  const within = limiter(UNKNOWN);
  return async (key: ObjectKey, caller: Caller): Promise<Sandbox | Refused> => {
    const cached = sandboxes.get(key);
    if (cached) return cached;
    if (!within(caller.name, now()))
      return refused(503, 'Busy', 'too many ask for unknown Sandboxes at the moment; try again');
    const live = await kube.get(SandboxKind, key);
    const { namespace, name } = key;
    const none = `there is no Sandbox ${name} in namespace ${namespace}; kubectl get sandboxes -n ${namespace} lists those that there are`;
    return live ?? refused(404, 'NoSuchSandbox', none);
  };
}

export type SessionRoute = (request: IncomingMessage, key: ObjectKey) => Promise<SessionAnswer | Refused>;

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
    const sandbox = await found(key, caller);
    if (isRefused(sandbox)) return sandbox;
    const problem = problemOf(sandbox);
    if (problem) return problem;
    const { uid = '' } = sandbox.metadata;
    const { namespace, name } = key;
    const session = { caller: caller.name, way: caller.way, namespace, name, uid };
    const { token, expiresMs } = await signSession(session, deps);
    return { token, expiresAt: timestamp(new Date(expiresMs)), uid };
  };

  return async (request, key) => {
    if (running >= RUNNING_MAX) return refused(503, 'Busy', `${running} requests are running; try again`);
    running += 1;
    return answer(request, key).finally(() => (running -= 1));
  };
}
