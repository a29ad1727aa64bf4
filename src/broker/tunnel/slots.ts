/** How many tunnels there may be: of one Pod, so that none takes what the others need, and in all, so that memory is bounded. */
import { TUNNELS_PER_POD } from '../../wire/tunnel.ts';
import { refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';

export interface TunnelSlots {
  /** Counts one more of that Pod, from its opening on; the function returned gives the place back and may be called again. */
  take(podUid: string): (() => void) | Refused;
}

/** Two sockets with their buffers take up to 300 KiB where both ends stop to read, so all of them stay under 300 MiB. */
export const TUNNELS_MAX = 1024;

export function tunnelSlots(max = TUNNELS_MAX): TunnelSlots {
  const byPod = new Map<string, number>();
  let total = 0;
  const change = (podUid: string, by: 1 | -1): void => {
    total += by;
    const now = (byPod.get(podUid) ?? 0) + by;
    if (now > 0) byPod.set(podUid, now);
    else byPod.delete(podUid);
  };
  return {
    take(podUid) {
      const own = byPod.get(podUid) ?? 0;
      if (own >= TUNNELS_PER_POD)
        return refused(429, 'TooManyTunnels', `this Pod has ${own} tunnels; close one first`);
      if (total >= max) return refused(503, 'Busy', `${total} tunnels are open; try again`);
      change(podUid, 1);
      let isTaken = true;
      return () => {
        if (isTaken) change(podUid, -1);
        isTaken = false;
      };
    },
  };
}
