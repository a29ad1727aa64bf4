/** `healthcheck` of a service, with Docker’s defaults. */
import { secondsOf } from './amounts.ts';
import type { Place } from './place.ts';
import type { Service } from './schema.ts';
import type { ComposeHealthcheck } from './types.ts';

const DEFAULTS = { interval: 30, timeout: 30, start_period: 0, start_interval: 5 } as const;
const RETRIES = 3;
const RETRIES_MAX = 1000;

/** Undefined where there is none, or it is switched off. */
export function healthcheckOf(check: Service['healthcheck'], place: Place): ComposeHealthcheck | undefined {
  if (!check || String(check.disable) === 'true') return undefined;
  const argv = commandOf(check.test, place);
  if (!argv) return undefined;
  const seconds = (name: keyof typeof DEFAULTS): number => {
    const { [name]: given = '0' } = check;
    const amount = secondsOf(String(given));
    if (amount === undefined)
      place.at(name).invalid(`${JSON.stringify(given)} is no duration; expected one such as 10s`);
    // Docker takes 0 for its default.
    return amount || DEFAULTS[name];
  };
  return {
    argv,
    intervalSeconds: seconds('interval'),
    timeoutSeconds: seconds('timeout'),
    startPeriodSeconds: seconds('start_period'),
    startIntervalSeconds: seconds('start_interval'),
    retries: retriesOf(check, place),
  };
}

type Check = NonNullable<Service['healthcheck']>;

function retriesOf({ retries: given = 0 }: Check, place: Place): number {
  const retries = Number(given) || RETRIES;
  if (!Number.isInteger(retries) || retries < 1 || retries > RETRIES_MAX)
    place
      .at('retries')
      .invalid(`${JSON.stringify(given)} is no number of tries; expected at most ${RETRIES_MAX}`);
  return retries;
}

const SHELL = ['/bin/sh', '-c'];

function commandOf(test: Check['test'], place: Place): string[] | undefined {
  if (test === undefined) {
    place.invalid('it has no test; the one of the image is not looked at');
    return undefined;
  }
  if (test === 'NONE' || test[0] === 'NONE') return undefined;
  if (typeof test === 'string') return [...SHELL, test];
  const [kind, ...words] = test.map(String);
  if (kind === 'CMD' && words.length > 0) return words;
  if (kind === 'CMD-SHELL' && words.length === 1) return [...SHELL, ...words];
  place.at('test').invalid('expected a command, or a list that begins with CMD, CMD-SHELL or NONE');
  return undefined;
}
