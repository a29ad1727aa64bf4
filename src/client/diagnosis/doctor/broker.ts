import { X509Certificate } from 'node:crypto';
import { BROKER, KUBECTL, OPERATOR_LOG } from '../../../installation/names.ts';
import { EndpointSlice, Secret } from '../../../kube/kinds.ts';
import { dayOf } from '../../../text/calendar.ts';
import { operatorNamespace } from '../../session/client-config.ts';
import { fine, problem, failed, type Check, type Found, type Patient } from './check.ts';

const LOG = `${OPERATOR_LOG} --tail=50`;

/** What couriers connect to: Pods that answer. */
function judgeEndpoints(slices: readonly EndpointSlice[]): Found {
  const ready = slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false);
  if (ready.length > 0)
    return fine(`the broker has ${ready.length} ${ready.length === 1 ? 'endpoint' : 'endpoints'}`);
  return problem(
    'the broker cannot be reached',
    `Service ${BROKER.service} has no endpoint that is ready: couriers wait for five minutes, then their attempts fail`,
    `${KUBECTL} get service,endpointslices,pods`,
  );
}

function judgeCertificate(secret: Secret | undefined, namespace: string, now: Date): Found {
  const pem = Buffer.from(secret?.data?.['tls.crt'] ?? '', 'base64').toString();
  if (pem === '')
    return problem(
      'the broker has no certificate',
      `there is none in Secret ${BROKER.certificate} of namespace ${namespace}; the operator creates it when it starts`,
      LOG,
    );
  const until = endOf(pem);
  if (until !== undefined && until > now)
    return fine(`the broker’s certificate is good until ${dayOf(until.getTime())}`);
  return problem(
    'the broker’s certificate is not valid',
    until === undefined
      ? `what is in Secret ${BROKER.certificate} is not a certificate`
      : `it ended ${until.toISOString()}; the operator renews it every ten seconds where it can`,
    LOG,
  );
}

function endOf(pem: string): Date | undefined {
  try {
    return new X509Certificate(pem).validToDate;
  } catch {
    return undefined;
  }
}

/** The two parts are looked at apart: whoever may not read Secrets still sees the endpoints. */
export const broker: Check<Patient> = {
  name: 'broker',
  subject: 'the broker',
  async run({ session }) {
    const { kube, now } = session;
    const namespace = await operatorNamespace(session);
    const slices = kube.list(EndpointSlice, {
      namespace,
      labelSelector: `kubernetes.io/service-name=${BROKER.service}`,
    });
    const secret = kube.get(Secret, { namespace, name: BROKER.certificate });
    return Promise.all([
      slices
        .then(judgeEndpoints)
        .catch((error: unknown) => failed({ subject: 'the broker’s endpoints' }, error)),
      secret
        .then((found) => judgeCertificate(found, namespace, now()))
        .catch((error: unknown) => failed({ subject: 'the broker’s certificate' }, error)),
    ]);
  },
};
