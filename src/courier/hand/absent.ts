/** Of a Pod without an agent's container: nothing is there, so nothing remains and nobody acts. */
import { HandGone, type Hand } from './hand.ts';

const nobody = (): Promise<never> => Promise.reject(new HandGone('the Pod has no container of the agent'));

export const ABSENT: Hand = {
  ready: nobody,
  gone: Promise.resolve(),
  isGone: () => true,
  toldToStop: () => false,
  start: nobody,
  check: nobody,
  run: nobody,
  place: nobody,
  bring: nobody,
  stage: nobody,
  files: { list: nobody, links: nobody, stat: nobody, read: nobody },
  copy: nobody,
  empty: async () => true,
  freeze: async () => true,
  halt: async () => true,
  resume: async () => true,
  exit: () => {},
  close: () => {},
};
