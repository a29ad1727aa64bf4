/** Waits until the services of the image are ready, with Docker's meaning of the fields. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AttemptFailure } from '../failure.ts';
import type { Healthcheck } from '../../crds/environment.ts';
import type { Command, Ended, Hand } from '../hand/hand.ts';

/** A healthcheck and what it runs. Seconds may be fractions. */
export type Probe = Omit<Healthcheck, 'command'> & { probe: Command };

export interface HealthcheckDeps {
  hand: Pick<Hand, 'run'>;
  note: (line: string) => void;
  /** Aborted when the courier is told to stop. */
  stop: AbortSignal;
}

/** Resolves when a probe has passed; throws HealthcheckFailed after `retries` failures in a row outside the start period. */
export async function awaitHealthy(healthcheck: Probe, { hand, note, stop }: HealthcheckDeps): Promise<void> {
  const { probe, timeoutSeconds, startPeriodSeconds, startIntervalSeconds, intervalSeconds } = healthcheck;
  const retries = Math.max(1, healthcheck.retries);
  const began = performance.now();
  for (let failures = 0; ;) {
    const ended = await hand.run(probe, timeoutSeconds);
    const failure = failureOf(ended, timeoutSeconds);
    if (failure === undefined) return;
    const starting = performance.now() - began < startPeriodSeconds * 1000;
    if (!starting) failures += 1;
    note(`healthcheck: ${failure}${starting ? ' (in its start period)' : ` (${failures} of ${retries})`}`);
    if (failures >= retries)
      throw new AttemptFailure(
        'HealthcheckFailed',
        `the healthcheck failed ${failures} times in a row: ${failure}`,
        {
          type: 'HealthcheckError',
        },
      );
    await sleep((starting ? startIntervalSeconds : intervalSeconds) * 1000, undefined, {
      signal: stop,
    }).catch(() => {});
  }
}

function failureOf(ended: Ended, timeoutSeconds: number): string | undefined {
  if (ended.kind === 'refused' && ended.refusal === 'courier') return 'its user is the courier’s own';
  if (ended.kind === 'refused') return `the image has no such ${ended.refusal}`;
  if (ended.timedOut) return `no end after ${timeoutSeconds} s`;
  return ended.code === 0 ? undefined : `exit code ${ended.code}`;
}
