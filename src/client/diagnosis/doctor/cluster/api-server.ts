import { checkReachable } from '../../../session/preflight.ts';
import { fine, warning, type Check, type Found, type Patient } from '../check-result.ts';

/** A run of a thousand Trials is a thousand requests. */
const SLOW_MS = 1000;

/** `ms`: one request on an open connection. */
export function judgeLatency(ms: number): Found[] {
  const answers = `the API server answers in ${Math.round(ms)} ms`;
  if (ms <= SLOW_MS) return [fine(answers)];
  return [
    warning(
      answers,
      'that makes everything slow',
      'kubectl get --raw /readyz?verbose    (or is it the VPN?)',
    ),
  ];
}

/** Answers, and how fast; a problem here is the cause of everything else. */
export const apiServer: Check<Patient> = {
  name: 'api-server',
  subject: 'the API server',
  async run({ session }) {
    await checkReachable(session);
    const began = performance.now();
    await checkReachable(session);
    return judgeLatency(performance.now() - began);
  },
};
