/** All that the broker does for Sandboxes, and for Trials that are entered: for the couriers in their Pods, and for whoever wants in. */
import { systemClock, type Clock } from '../../async/clock.ts';
import type { KubeClient, Log } from '../../kube/types.ts';
import { PING_MS, SILENCE_MS } from '../../wire/sandbox/names.ts';
import type { Subjects, SandboxStores } from '../identity/subjects.ts';
import type { TokenVerifier } from '../identity/token.ts';
import type { BrokerMetrics } from '../metrics.ts';
import type { Route } from '../routes.ts';
import type { BrokerCertificate } from '../tls/certificates.ts';
import { accessReviews } from './access-review.ts';
import { adoptions } from './adoption.ts';
import { certificateCallers } from './certificate.ts';
import { Connections } from './connect.ts';
import { courierRoutes } from './courier-routes.ts';
import { COURIER_PORTS, type Ports } from './dial.ts';
import type { PipeTimes } from './pipe.ts';
import { CONNECTION_BOUNDS, type Bounds } from './places.ts';
import { sessionRoute, type SessionRoute } from './session.ts';
import { tokenReviews } from './token-review.ts';
import type { TrialStores } from './trial.ts';

export interface SandboxOptions extends SandboxStores, TrialStores {
  kube: KubeClient;
  /** Name of the broker's Service, as it stands in its certificate. */
  brokerName: string;
  /** Where couriers listen; default: `COURIER_PORTS`. */
  ports?: Ports;
  /** Default: the system's. */
  clock?: Clock;
  /** Default: `SANDBOX_TIMES`. */
  times?: SandboxTimes;
  /** Default: `CONNECTION_BOUNDS`. */
  bounds?: Bounds;
}

export interface SandboxTimes extends PipeTimes {
  /** Until the courier of a Sandbox answers. */
  dialMs: number;
}

export const SANDBOX_TIMES: SandboxTimes = {
  dialMs: 10_000,
  pingMs: PING_MS,
  silenceMs: SILENCE_MS,
  closeMs: 5000,
};

export interface DoorDeps {
  sandbox: SandboxOptions;
  subjects: Subjects;
  tokens: TokenVerifier;
  certificate: BrokerCertificate;
  probePort: number;
  now: () => Date;
  log: Log;
  metrics: BrokerMetrics;
}

export interface Doors {
  /** By method and path. */
  courier: Record<string, Route>;
  session: SessionRoute;
  connections: Pick<Connections, 'serve'>;
  /** Ends all connections gracefully, and lets Pods of pools go that wait for a Sandbox. */
  close(): void;
  /** Ends what is left of them. */
  destroy(): void;
}

export function sandboxDoors(deps: DoorDeps): Doors {
  const { sandbox, certificate, ...rest } = deps;
  const { clock = systemClock, times = SANDBOX_TIMES, ...own } = sandbox;
  const { kube, ports = COURIER_PORTS, bounds = CONNECTION_BOUNDS } = own;
  const { now } = rest;
  const sessionKey = (): Uint8Array => certificate.sessionKey();
  const all = { ...rest, ...own, clock, times, ports, bounds, sessionKey, certificate };
  const waiting = adoptions(all);
  const open = new Connections({ ...all, dialMs: times.dialMs, material: () => certificate.current() });
  return {
    courier: courierRoutes({ ...all, adoptions: waiting }),
    session: sessionRoute({
      ...all,
      review: tokenReviews({ kube, now }),
      access: accessReviews({ kube, now }),
      certificateCaller: certificateCallers({ kube, now }),
    }),
    connections: open,
    close() {
      waiting.close();
      open.close();
    },
    destroy: () => open.destroy(),
  };
}
