/** The network of a Sandbox's Pod: one for its whole life, while each phase of a Trial has its own. What only some Sandboxes need is loaded there alone. */
import type { SandboxNetwork } from '../../wire/sandbox/assignment.ts';
import { FORWARDER_PORT } from '../../wire/tunnel.ts';
import type { BrokerSettings } from '../settings.ts';

/** How what runs in the container reaches what is outside of it. */
export interface SandboxWay {
  /** Variables that programs need for it, beneath all others. */
  env: Record<string, string>;
  close(): Promise<void>;
}

const DIRECT: SandboxWay = { env: {}, close: async () => {} };

/** Hosts of a list are reached through the broker; everything else the Pod's policy opens, or nothing does. */
export async function wayOut(
  { mode, variables }: SandboxNetwork,
  broker: BrokerSettings,
): Promise<SandboxWay> {
  if (mode !== 'Allowlist') return DIRECT;
  const [{ startForwarder }, { tunnels }, { proxyVariables }] = await Promise.all([
    import('../network/forwarder.ts'),
    import('../network/tunnel.ts'),
    import('../network/variables.ts'),
  ]);
  const open = tunnels(broker);
  const purpose = { kind: 'sandbox' } as const;
  const forwarder = await startForwarder(
    { open: (target, signal) => open({ target, purpose, signal }) },
    FORWARDER_PORT,
  );
  return { env: proxyVariables(FORWARDER_PORT, variables), close: () => forwarder.close() };
}

/** Whether commands may run: where they need it, once the cluster is seen to enforce the Pod's policy; false where it does not. */
export async function mayRun(
  { enforcement, probePort }: SandboxNetwork,
  broker: BrokerSettings,
): Promise<boolean> {
  if (enforcement !== 'Required') return true;
  const { selfCheck } = await import('../network/self-check.ts');
  const check = selfCheck({ host: broker.address ?? new URL(broker.url).hostname, port: probePort });
  return await check.settled.finally(() => check.stop());
}
