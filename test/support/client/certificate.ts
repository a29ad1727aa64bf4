import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout /dev/null';

/** PEM of a new certificate that is good for a day. */
export const certificate = (): string =>
  execFileSync('openssl', `req -x509 ${NEW_KEY} -days 1 -subj /CN=sb-broker`.split(' '), {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  });

/** A key and a certificate of a server on loopback, which is its own CA; PEM. */
export function selfSigned(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'cert-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const what = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const of = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', [...what, '-keyout', key, '-out', cert, '-days', '2', ...of], { stdio: 'ignore' });
  const pair = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  rmSync(folder, { recursive: true });
  return pair;
}
