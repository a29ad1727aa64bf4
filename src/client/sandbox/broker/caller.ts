/** Who calls: what the broker is shown of the user of a kubeconfig, or of a Pod's ServiceAccount. */
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import type { TlsOptions } from '../../../kube/http/credentials.ts';
import { kubeConfigCredentials, type Credentials, type Identity } from '../../../kube/http/credentials.ts';
import type { Session } from '../../session/types.ts';

/** A ServiceAccount's projected token with the audience `sb-sandbox`, which a Pod has mounted. */
const TOKEN_FILE = 'SB_TOKEN_FILE';

export interface Caller {
  /** Missing where the kubeconfig has a client certificate. */
  token?: string;
  /** That certificate, which only the broker itself can look at. */
  certificate: Pick<TlsOptions, 'cert' | 'key' | 'passphrase'>;
}

export class Callers {
  readonly #session: Pick<Session, 'kubeParts' | 'env'>;
  readonly #credentials: Credentials;

  constructor(session: Pick<Session, 'kubeParts' | 'env'>) {
    this.#session = session;
    const { kubeConfig, clock } = session.kubeParts;
    this.#credentials = kubeConfigCredentials(kubeConfig, clock);
  }

  async current(): Promise<Caller> {
    const identity = await this.#credentials.current();
    const { cert, key, passphrase } = identity.tls;
    const token = await this.#tokenOf(identity);
    return {
      ...(token !== undefined && { token }),
      certificate: {
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
        ...(passphrase !== undefined && { passphrase }),
      },
    };
  }

  /** Reads the token anew, after the broker has refused the one before. */
  async refresh(): Promise<void> {
    await this.#credentials.refresh(await this.#credentials.current());
  }

  /** What a request to the API server needs: headers, TLS, and the agent of a proxy. */
  async toApiServer(): Promise<RequestOptions> {
    const options: RequestOptions = {};
    await this.#session.kubeParts.kubeConfig.applyToHTTPSOptions(options);
    return options;
  }

  async #tokenOf({ headers }: Identity): Promise<string | undefined> {
    const file = this.#session.env[TOKEN_FILE];
    if (file) return (await readFile(file, 'utf8')).trim();
    return /^Bearer (.+)$/i.exec(headers['Authorization'] ?? '')?.[1];
  }
}
