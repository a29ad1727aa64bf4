import { execFileSync } from 'node:child_process';

const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout /dev/null';

/** PEM of a new certificate that is good for a day. */
export const certificate = (): string =>
  execFileSync('openssl', `req -x509 ${NEW_KEY} -days 1 -subj /CN=sb-broker`.split(' '), {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  });
