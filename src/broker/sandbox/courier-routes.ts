/** What couriers of Sandboxes ask: what the Sandbox is to be, and a certificate to show to the broker. */
import type { IncomingMessage } from 'node:http';
import { present } from '../../crds/present.ts';
import {
  plainEnv,
  type CourierCertificate,
  type PooledAssignment,
  type SandboxAssignment,
} from '../../wire/sandbox/assignment.ts';
import { courierName, SANDBOX_ROUTES, TRIAL_CERTIFICATE_ROUTE } from '../../wire/sandbox/names.ts';
import { networkMadeWith } from '../../pods/made-with.ts';
import type { Subjects, SandboxSubject } from '../identity/subjects.ts';
import type { PodIdentity } from '../identity/token.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import type { Route } from '../routes.ts';
import type { BrokerCertificate } from '../tls/certificates.ts';
import type { Adoptions } from './adoption.ts';

export interface CourierRouteDeps {
  subjects: Pick<Subjects, 'sandboxOf' | 'trialOf'>;
  certificate: Pick<BrokerCertificate, 'ca' | 'issueCourier' | 'prepareCouriers'>;
  /** In the certificate that the broker shows to couriers. */
  brokerName: string;
  adoptions: Adoptions;
  /** The broker's port that every NetworkPolicy closes. */
  probePort: number;
}

const isPool = ({ sandbox }: SandboxSubject): boolean => sandbox.spec.pool !== undefined;

/** What the Pod's Sandbox is to be. Where it leaves out user and directory, those count that the Pod was made with; so do variables, which the container has. */
function assignmentOf(subject: SandboxSubject, probePort: number): SandboxAssignment | PooledAssignment {
  const { sandbox, image, made, variables } = subject;
  const { mode } = networkMadeWith(made);
  const network = { mode, enforcement: made.network?.enforcement ?? 'BestEffort', probePort, variables };
  const { metadata, spec } = sandbox;
  if (spec.pool) return { kind: 'pooled', image, network };
  const { name, namespace = '', uid = '' } = metadata;
  const { user = made.user, workdir = made.workdir, idleTimeoutSeconds } = spec;
  return {
    kind: 'sandbox',
    namespace,
    name,
    uid,
    image,
    env: plainEnv(spec.env),
    network,
    ...present({ user, workdir, idleTimeoutSeconds }),
  };
}

/** `?wait=<seconds>`: how long a Pod of a pool waits for its Sandbox; undefined for anything else. */
function waitOf({ url = '' }: IncomingMessage): number | undefined {
  const wait = new URLSearchParams(url.split('?')[1]).get('wait') ?? '0';
  return /^\d{1,4}$/.test(wait) ? Number(wait) * 1000 : undefined;
}

/** Does `work` with a signal that fires when the client goes away. */
async function whileThere(
  { socket }: IncomingMessage,
  work: (gone: AbortSignal) => Promise<void>,
): Promise<void> {
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  socket.once('close', onClose);
  await work(gone.signal).finally(() => socket.off('close', onClose));
}

/** So long what another replica knows may still be on its way to this one. */
const LAG_MS = 1000;

const badWait = (): Refused => refused(400, 'BadRequest', 'wait is no number of seconds, as in ?wait=30');

export function courierRoutes(deps: CourierRouteDeps): Record<string, Route> {
  const { subjects, certificate, brokerName, adoptions, probePort } = deps;

  /** What the Pod is for, after so long at most where it is still the pool's. */
  const adopted = async (pod: PodIdentity, request: IncomingMessage, ms: number) => {
    const subject = await subjects.sandboxOf(pod);
    if (isRefused(subject) || !isPool(subject)) return subject;
    // What goes wrong now goes wrong again when it is needed, and is told then.
    void certificate.prepareCouriers().catch(() => {});
    if (ms === 0) return subject;
    const { metadata } = subject.sandbox;
    const job = { namespace: pod.namespace, name: subject.job };
    await whileThere(request, (signal) => adoptions.wait({ job, pool: metadata.uid ?? '', ms, signal }));
    return subjects.sandboxOf(pod);
  };

  const assignment: Route = async (pod, request) => {
    const ms = waitOf(request);
    if (ms === undefined) return badWait();
    const subject = await adopted(pod, request, ms);
    return isRefused(subject) ? subject : assignmentOf(subject, probePort);
  };

  const issued = async (name: string): Promise<CourierCertificate> => ({
    ...(await certificate.issueCourier(name)),
    ca: certificate.ca(),
    brokerName,
  });

  /** Of the Sandbox that has the Pod: one of a pool gets it once it was taken, which another replica may have told it before this one knows. */
  const issue: Route = async (pod, request): Promise<CourierCertificate | Refused> => {
    const subject = await adopted(pod, request, LAG_MS);
    if (isRefused(subject)) return subject;
    const ownerUid = subject.sandbox.metadata.uid ?? '';
    if (isPool(subject))
      return refused(
        409,
        'NotReady',
        'no Sandbox has taken this Pod of a pool yet; ask for the assignment first',
      );
    return issued(courierName({ ownerUid, podUid: pod.podUid }));
  };

  const issueForTrial = async (pod: PodIdentity): Promise<CourierCertificate | Refused> => {
    const subject = await subjects.trialOf(pod);
    if (isRefused(subject)) return subject;
    const ownerUid = subject.trial.metadata.uid ?? '';
    return issued(courierName({ resource: 'trials', ownerUid, podUid: pod.podUid }));
  };

  return {
    [`GET ${SANDBOX_ROUTES.assignment}`]: assignment,
    [`POST ${SANDBOX_ROUTES.certificate}`]: issue,
    [`POST ${TRIAL_CERTIFICATE_ROUTE}`]: issueForTrial,
  };
}
