/**
 * The network of a Trial's Pod. Where it is restricted, all that leaves it goes through tunnels, each phase's under its own rules; elsewhere
 * nothing stands between. Either way the cluster has to prove that it enforces the Pod's policy.
 */
import type { Assignment } from '../../wire/assignment.ts';
import type { NetworkPhase } from '../../wire/network.ts';
import { DIRECTLY } from '../broker/http.ts';
import type { StorageAgents } from '../broker/http.ts';
import { AttemptFailure } from '../failure.ts';
import type { Hand } from '../hand/hand.ts';
import type { BrokerSettings } from '../settings.ts';
import type { SelfCheck } from './self-check.ts';

export interface PhaseOfStep {
  phase: NetworkPhase;
  /** Index from 0. */
  step: number;
  /** What comes next is of the same phase, which lasts until then: no connection of it is cut. */
  goesOn?: boolean;
}

/** How a Pod reaches what is outside of it. */
export interface Way {
  storage: StorageAgents;
  /** For the courier's own calls of the agent's model. */
  model: StorageAgents;
  /** Before anything of the task runs. */
  begin(): Promise<void>;
  /** Does the work of a phase with that phase's network. */
  during<T>(of: PhaseOfStep, work: () => Promise<T>): Promise<T>;
  /** The hand by which the commands of a phase are told of its network. */
  hand(hand: Hand): Hand;
  /** Nothing of the task reaches anything any more; the storage stays reachable. */
  close(): Promise<void>;
}

/** `begin` throws PolicyNotEnforced as well. */
export interface PodNetwork extends Way {
  /** Whether the cluster enforces the Pod's policy, as far as it is known; undefined where that was not tried. */
  enforced(): boolean | undefined;
}

const OPEN: Way = {
  storage: DIRECTLY,
  model: DIRECTLY,
  begin: async () => {},
  during: (_of, work) => work(),
  hand: (hand) => hand,
  close: async () => {},
};

export interface NetworkOptions {
  assignment: Pick<Assignment, 'network' | 'steps'>;
  broker: BrokerSettings;
  note: (line: string) => void;
}

/** Nothing begins yet. */
export async function networkOf({ assignment, broker, note }: NetworkOptions): Promise<PodNetwork> {
  const { network } = assignment;
  const way = network.restricted ? (await import('./restricted.ts')).tunnelledWay(assignment, broker) : OPEN;
  let check: SelfCheck | undefined;
  return {
    ...way,
    async begin() {
      const host = broker.address ?? new URL(broker.url).hostname;
      const { selfCheck } = await import('./self-check.ts');
      check = selfCheck({ host, port: network.probePort });
      await way.begin();
      await awaitEnforced(network, { check, note });
    },
    enforced: () => check?.enforced(),
    async close() {
      check?.stop();
      await way.close();
    },
  };
}

/** Throws where the agent may run under the policy alone. What is open to the internet anyway is not kept waiting. */
async function awaitEnforced(
  { enforcement, restricted }: Assignment['network'],
  { check, note }: Pick<NetworkOptions, 'note'> & { check: SelfCheck },
): Promise<void> {
  const isRequired = enforcement === 'Required';
  if ((!isRequired && !restricted) || (await check.settled)) return;
  const message =
    'the cluster does not enforce the network policy of the Pod: a port that the policy closes answers';
  if (isRequired) throw new AttemptFailure('PolicyNotEnforced', message, { type: 'PolicyNotEnforcedError' });
  note(message);
}
