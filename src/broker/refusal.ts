/** Why a request is not served, as a value. */
import { ApiError } from '../kube/errors.ts';
import { ProviderError } from '../providers/errors.ts';

export type RefusalReason =
  // 401: no token, or one that is not good here.
  | 'NoToken'
  | 'MalformedToken'
  | 'WrongAlgorithm'
  | 'WrongAudience'
  | 'WrongIssuer'
  | 'Expired'
  | 'NotYetValid'
  | 'UnknownKey'
  | 'BadSignature'
  | 'NotAPod'
  // 401 of people and programs that want into a Sandbox.
  | 'NoCredentials'
  | 'NotLoggedIn'
  | 'NotAServiceAccount'
  | 'BadCertificate'
  // 403: a good token of a Pod that may not have this.
  | 'PodGone'
  | 'PodEnded'
  | 'NotOurPod'
  | 'NoSuchOwner'
  | 'AlteredPod'
  | 'OlderAttempt'
  | 'AttemptEnded'
  | 'TrialEnded'
  | 'BuildEnded'
  | 'BrokenPod'
  | 'UploadsDisabled'
  | 'PathRefused'
  | 'PrefixRefused'
  | 'SourceRefused'
  // Of Sandboxes: to their couriers, and to whoever wants in.
  | 'SandboxEnded'
  | 'NotAllowed'
  | 'OtherSandbox'
  | 'NoSuchTrial'
  // Of a tunnel: the network of the phase, the address, the client's first bytes.
  | 'HostRefused'
  | 'AddressRefused'
  | 'FirstBytesRefused'
  // 400, 404, 413: the request itself; 409, 422: the task that it is about.
  | 'BadRequest'
  | 'NoSuchRoute'
  | 'TaskNotFound'
  | 'TaskInvalid'
  | 'TaskUnsupported'
  | 'TaskMismatch'
  | 'ContextNotFound'
  | 'NoSuchSandbox'
  | 'NotReady'
  | 'Stopped'
  | 'TooLarge'
  // 429; 502, 504: the other end of a tunnel, or of a Sandbox's connection.
  | 'TooManyTunnels'
  | 'TooManyConnections'
  | 'Unreachable'
  | 'NoAnswer'
  // 500, 503: not the courier's fault.
  | 'Failed'
  | 'Busy'
  | 'KeysUnavailable'
  | 'ClusterUnavailable'
  | 'StoreUnavailable'
  | 'TooSlow';

export interface Refused {
  kind: 'refused';
  /** HTTP status of the answer. */
  status: 400 | 401 | 403 | 404 | 409 | 413 | 422 | 429 | 500 | 502 | 503 | 504;
  /** Label of the metric. */
  reason: RefusalReason;
  /** One sentence; it goes to the courier and holds nothing secret. */
  message: string;
  /** What the answer says to programs besides. */
  also?: object;
}

export const refused = (status: Refused['status'], reason: RefusalReason, message: string): Refused => ({
  kind: 'refused',
  status,
  reason,
  message,
});

export const isRefused = (value: object): value is Refused => 'kind' in value && value.kind === 'refused';

/** Failures behind us: the courier tries again. What they say of URLs and accounts stays in our log. */
export function refusalOf(error: unknown): Refused {
  if (error instanceof ProviderError)
    return refused(503, 'StoreUnavailable', `the artifact store: ${error.reason}`);
  if (error instanceof ApiError) return refused(503, 'ClusterUnavailable', `the API server: ${error.reason}`);
  return refused(500, 'Failed', 'the broker failed');
}
