/** Reads the last word of a Sandbox's courier. */
import { isRecord, parsedJson } from '../../text/json.ts';
import type { SandboxEnded } from './assignment.ts';

/** Longer messages are none of the courier's. */
const MESSAGE_MAX = 1024;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;

/** What a courier left as its termination message; undefined for everything that no courier of ours writes. */
export function readSandboxEnded(message: string): SandboxEnded | undefined {
  const said = message.length <= MESSAGE_MAX ? parsedJson(message) : undefined;
  if (!isRecord(said)) return undefined;
  const { ended } = said;
  if (ended === 'PolicyNotEnforced') return { ended };
  if (ended !== 'Idle') return undefined;
  const at = said['lastActivityTime'];
  if (typeof at !== 'string' || !TIME.test(at) || Number.isNaN(Date.parse(at))) return undefined;
  return { ended, lastActivityTime: at };
}
