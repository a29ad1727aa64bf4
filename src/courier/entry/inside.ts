/** Sessions and commands of people in a task container: those of a Sandbox. */
import type { Socket } from 'node:net';
import type { CourierCertificate } from '../../wire/sandbox/assignment.ts';
import { TRIAL_CERTIFICATE_ROUTE } from '../../wire/sandbox/names.ts';
import type { SandboxDefaults } from '../../wire/sandbox/requests.ts';
import { brokerCalls } from '../broker/broker-client.ts';
import { keepCertificate } from '../sandbox/certificate.ts';
import { Commands } from '../sandbox/commands.ts';
import { makeDoor, type DoorBounds } from '../sandbox/door.ts';
import { Sessions } from '../sandbox/sessions.ts';
import type { EntryHand } from '../hand/entry-hand.ts';
import type { EntryDeps } from './entry.ts';

export interface Inside {
  take: (socket: Socket) => void;
  leave: () => Promise<void>;
}

/** Whoever knocks is answered in time, or knocks again. */
const PATIENCE_MS = 10_000;

/** Resolves once the courier has its certificate. Rejects where it gets none. */
export async function openInside(
  { hand: open, broker, clock, note, onAct, stop }: EntryDeps,
  { defaults, bounds }: { defaults: SandboxDefaults; bounds: DoorBounds },
): Promise<Inside> {
  const callers = new Set<string>();
  const hand: EntryHand = {
    ...open,
    relay: (request, end) => {
      const relay = open.relay(request, end);
      onAct([...callers]);
      return relay;
    },
  };
  const commands = new Commands({ hand, clock, onEnd: () => {} });
  const sessions = new Sessions({
    hand,
    clock,
    commands,
    defaults: () => defaults,
    onBytes: () => {},
    onEnter: (caller) => {
      callers.add(caller);
      note(`${JSON.stringify(caller)} has entered the task container`);
    },
  });
  const door = makeDoor(sessions, bounds);
  const call = brokerCalls(broker, { totalMs: PATIENCE_MS, note, stop });
  const issue = (): Promise<CourierCertificate> => call({ method: 'POST', path: TRIAL_CERTIFICATE_ROUTE });
  const endRenewal = await keepCertificate({ clock, issue, use: door.use, note });
  return {
    take: door.take,
    leave: async () => {
      endRenewal();
      commands.close();
      await sessions.dismiss();
    },
  };
}
