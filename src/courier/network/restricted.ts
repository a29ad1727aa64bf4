/** The way out of a Pod whose network is restricted. Loaded only there. */
import { FORWARDER_PORT } from '../../wire/tunnel.ts';
import { startForwarder } from './forwarder.ts';
import type { Forwarder } from './forwarder.ts';
import type { NetworkOptions, Way } from './network.ts';
import { PhaseTunnels } from './phase-tunnels.ts';
import { agentsThrough } from './storage.ts';
import { tunnels } from './tunnel.ts';
import { handWith, proxyVariables } from './variables.ts';

/** Storage and phases through tunnels. */
export function tunnelledWay(
  { network, steps }: NetworkOptions['assignment'],
  broker: NetworkOptions['broker'],
): Way {
  const open = tunnels(broker);
  const phases = new PhaseTunnels(open);
  let forwarder: Forwarder | undefined;
  return {
    storage: agentsThrough(open, { kind: 'store' }),
    model: agentsThrough(open, { kind: 'model' }),
    async begin() {
      forwarder = await startForwarder(phases, FORWARDER_PORT);
    },
    during(of, work) {
      const mode = steps[of.step]?.networks[of.phase] ?? 'None';
      return phases.during({ ...of, mode }, work);
    },
    hand: (hand) =>
      handWith(hand, ({ env }) =>
        phases.mode === undefined || phases.mode === 'None'
          ? {}
          : proxyVariables(FORWARDER_PORT, [...network.variables, ...Object.keys(env)], network.local),
      ),
    async close() {
      phases.end();
      await forwarder?.close();
    },
  };
}
