/** The states of a Trial in the order in which it goes through them, and what they mean. */
export const STATES = {
  queued: 'waits for the operator',
  building: 'its image is being built',
  held: 'a queue (Kueue) has not admitted its Job',
  pending: 'no node has room for its Pod, or the Pod is not there yet',
  pulling: 'the kubelet pulls its image',
  running: 'its phases run',
  verifying: 'the agent is through; its reward is on the way',
  retrying: 'an infrastructure failure ended an attempt; the next one follows',
  suspended: 'spec.suspend is true',
  passed: 'ended with a reward of 1 or more, or, without a verifier, at all',
  failed: 'ended with a lower reward, or with none by the fault of agent or tests',
  lost: 'ended before the agent had its try, or its result is lost: run it again',
  cancelled: 'cancelled or deleted',
} as const;
export type TrialState = keyof typeof STATES;

export const STATE_NAMES = Object.keys(STATES) as TrialState[];
