/** The login of ECR's OCI protocol. */
import { GetAuthorizationTokenCommand, type ECRClient } from '@aws-sdk/client-ecr';
import { Lru } from '../../../async/lru.ts';
import { partitionOf, REGION } from '../../aws/partition.ts';
import { ProviderError } from '../../errors.ts';
import type { Login } from '../oci/http.ts';
import { ecrClient, ecrError, type EcrPlace } from './client.ts';

/** ECR's tokens are good for twelve hours; a token that runs out is refused with 403, which reads like a missing permission. */
const MARGIN_MS = 10 * 60_000;

interface Needs {
  client: ECRClient;
  region: string;
  /** Milliseconds since the epoch. */
  now: () => number;
}

async function authorize({ client, region }: Needs): Promise<Required<Login>> {
  const call = `log in to ECR in ${region}`;
  const { authorizationData = [] } = await client
    .send(new GetAuthorizationTokenCommand({}))
    .catch((error: unknown) => {
      throw ecrError({ call, action: 'ecr:GetAuthorizationToken', region }, error);
    });
  const [{ authorizationToken = '', expiresAt } = {}] = authorizationData;
  const [username = '', password] = Buffer.from(authorizationToken, 'base64').toString('utf8').split(':');
  if (!password) throw new ProviderError('Invalid', `${call}: the answer holds no token`);
  return { username, password, expires: (expiresAt?.getTime() ?? 0) - MARGIN_MS };
}

/** A registry of some account in some region; its host is AWS's own, so no login goes to anybody else. */
const HOST = /^\d{12}\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.(?:com|com\.cn|eu)$/;
const REGIONS_KEPT = 50;

/**
 * Logins for the operator's registry and, in the regions of its partition, for those of other accounts: a token is good for whatever registry of
 * its region the role may read.
 */
export function ecrLogins(
  place: EcrPlace,
  own: { client: ECRClient; host: string },
  now: () => number,
): (host: string) => Promise<Login> | undefined {
  const byRegion = new Lru<() => Promise<Login>>(REGIONS_KEPT);
  byRegion.set(place.region, ecrLogin({ client: own.client, region: place.region, now }));
  return (host) => {
    const region = host === own.host ? place.region : HOST.exec(host)?.[1];
    if (region === undefined || !isNear(region, place.region)) return undefined;
    const known = byRegion.get(region);
    if (known) return known();
    const login = ecrLogin({ client: ecrClient({ ...place, region }), region, now });
    byRegion.set(region, login);
    return login();
  };
}

const isNear = (region: string, own: string): boolean =>
  REGION.test(region) && partitionOf(region).name === partitionOf(own).name;

/** Asks for the token once and again shortly before it runs out; many that ask at the same time share one call. */
function ecrLogin(needs: Needs): () => Promise<Login> {
  let current: Required<Login> | undefined;
  let asking: Promise<Required<Login>> | undefined;
  return async () => {
    if (current && current.expires > needs.now()) return current;
    asking ??= authorize(needs).finally(() => (asking = undefined));
    return (current = await asking);
  };
}
