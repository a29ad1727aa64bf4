/** What the courier of a Sandbox asks the broker for. */
import type {
  CourierCertificate,
  PooledAssignment,
  SandboxAssignment,
} from '../../wire/sandbox/assignment.ts';
import { SANDBOX_ROUTES } from '../../wire/sandbox/names.ts';
import { brokerCalls } from '../broker/broker-client.ts';
import type { Patience } from '../broker/retry.ts';
import type { BrokerSettings } from '../settings.ts';

export interface SandboxBroker {
  /** `wait`: a Pod of a pool is answered when a Sandbox has it, or after so many seconds. */
  assignment(wait?: number): Promise<SandboxAssignment | PooledAssignment>;
  certificate(): Promise<CourierCertificate>;
}

export function sandboxBroker(settings: BrokerSettings, patience: Patience): SandboxBroker {
  const call = brokerCalls(settings, patience);
  const { assignment, certificate } = SANDBOX_ROUTES;
  return {
    assignment: (wait) =>
      call({
        method: 'GET',
        path: wait === undefined ? assignment : `${assignment}?wait=${wait}`,
        ...(wait !== undefined && { waitSeconds: wait }),
      }),
    certificate: () => call({ method: 'POST', path: certificate }),
  };
}
