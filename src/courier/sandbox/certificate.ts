/** The courier's certificate: asked for when it begins, and again after two thirds of its life. */
import type { Cancel, Clock } from '../../async/clock.ts';
import type { CourierCertificate } from '../../wire/sandbox/assignment.ts';

export interface CertificateDeps {
  clock: Clock;
  /** A new one. It may reject: then it is asked for again. */
  issue: () => Promise<CourierCertificate>;
  /** New connections get it. */
  use: (certificate: CourierCertificate) => void;
  note: (line: string) => void;
}

const AGAIN_MS = 60_000;
/** However its life is given, it is not asked for more often. */
const LEAST_MS = 60_000;

/** Resolves when the first one is in use; rejects where that cannot be had. The returned function ends the renewal. */
export async function keepCertificate({ clock, issue, use, note }: CertificateDeps): Promise<Cancel> {
  let cancel: Cancel = () => {};
  const renewAfter = (ms: number): void => {
    cancel = clock.after(ms, () => void renew());
  };
  const take = (certificate: CourierCertificate): void => {
    use(certificate);
    const life = Date.parse(certificate.notAfter) - clock.now();
    renewAfter(Math.max(LEAST_MS, (life * 2) / 3));
  };
  const renew = async (): Promise<void> => {
    try {
      take(await issue());
      note('the certificate was renewed');
    } catch (error) {
      note(`the certificate could not be renewed: ${String(error)}`);
      renewAfter(AGAIN_MS);
    }
  };
  take(await issue());
  return () => cancel();
}
