/** The hand of people who enter a task container, beside the phases. */
import { Refused } from '../../hand/stream.ts';
import type { Sbd } from './sbd/client.ts';

export type EntryHand = Pick<Sbd, 'relay' | 'ready' | 'commands'>;

/** What is being stored is not to change meanwhile: then nothing begins. */
const NOT_NOW = {
  reason: 'NotPermitted',
  message: 'the Trial is storing or judging what is there, and nothing may change',
} as const;

export const entryHand = (sbd: Sbd, isClosed: () => boolean): EntryHand => ({
  relay: (request, end) => {
    if (isClosed()) throw new Refused(NOT_NOW);
    return sbd.relay(request.op === 'run' ? { ...request, guest: true } : request, end);
  },
  ready: () => sbd.ready(),
  commands: () => sbd.commands(),
});
