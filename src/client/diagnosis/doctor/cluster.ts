/** Checks of the cluster itself: whether it answers, and whether it is one that Trials can run in. */
import { checkReachable, checkInstalled } from '../../session/preflight.ts';
import { fine, warning, problem, type Check, type Found, type Patient } from './check.ts';
import { ownVersion } from '../../../installation/version.ts';
import { APPLY } from '../../../installation/overlays.ts';
import { API_VERSION } from '../../../crds/names.ts';
import { uidRange } from '../../../crds/namespace-rules.ts';
import { podSpec } from '../../../pods/building/layout.ts';
import { enforcedLevel, securityLevelOf, shortfallsOf, takes } from '../../../pods/reading/security-level.ts';
import { POD_SECURITY } from '../../../installation/names.ts';
import { Namespace } from '../../../kube/kinds.ts';

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

/** From here on all that the installation needs is there unasked: ValidatingAdmissionPolicies and native sidecars (1.30), `matchLabelKeys` of affinities (KEP-3633). */
const OLDEST = [1, 31] as const;

/** `v1.36.1` or `v1.32.9-eks-113cf36`. */
function judgeKubernetes(version: string): Found[] {
  const [, major = '0', minor = '0'] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  const isOld = Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]);
  if (!isOld) return [fine(`Kubernetes ${version}`)];
  return [
    problem(
      `Kubernetes ${version} is too old`,
      `its scheduler does not know a replica of the operator from the one that it succeeds; that needs v${OLDEST.join('.')}`,
      'upgrade the cluster, or choose another with --context',
    ),
  ];
}

const kubernetes: Check<Patient> = {
  name: 'kubernetes',
  subject: 'the version of Kubernetes',
  run: async ({ session }) => judgeKubernetes(await checkReachable(session)),
};

/** Leases and estimates are off by this much. */
const WARN_MS = 5000;
/** S3 refuses what is signed more than 15 minutes off; tokens are less patient. */
const WRONG_MS = 300_000;

/** `aheadMs`: by how much this machine's clock is ahead of the API server's. */
function judgeClock(aheadMs: number): Found[] {
  const off = Math.abs(aheadMs);
  const what = `this machine’s clock is ${(off / 1000).toFixed(1)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the API server’s`;
  const fix = 'sudo timedatectl set-ntp true    (or: sudo sntp -sS pool.ntp.org)';
  if (off <= WARN_MS) return [fine('this machine and the API server have the same time')];
  if (off <= WRONG_MS) return [warning(what, 'times that sb prints are off by this much', fix)];
  return [problem(what, 'the store refuses requests that are signed with a wrong time', fix)];
}

const clock: Check<Patient> = {
  name: 'clock',
  subject: 'the clock',
  run: async ({ identity }) => judgeClock((await identity()).aheadMs),
};

/** Before 1.0 a minor version may break what an older one promised. */
const line = (version: string): string => version.split('.').slice(0, 2).join('.');

function judgeVersions({ client, operator }: { client: string; operator: string }): Found[] {
  const both = `sb ${client}, sb-operator ${operator}`;
  return line(client) === line(operator)
    ? [fine(both)]
    : [
        warning(
          both,
          'these versions do not match',
          `npm install -g sb-operator@${operator}    (or upgrade the operator: ${APPLY})`,
        ),
      ];
}

/** The client's and the operator's; SB-E008 where there is no operator. */
const versions: Check<Patient> = {
  name: 'versions',
  subject: 'the operator’s version',
  run: async ({ session }) =>
    judgeVersions({ client: ownVersion(), operator: (await session.client()).operatorVersion }),
};

/** Throws SB-E007 where they are missing or older. */
const customResources: Check<Patient> = {
  name: 'custom-resources',
  subject: 'the custom resources',
  async run({ session }) {
    await checkInstalled(session);
    return [fine(`${API_VERSION} is installed and has every field that this sb knows`)];
  },
};

function judgeNamespace(name: string, found: Namespace | undefined): Found[] {
  if (!found)
    return [
      problem(
        `there is no namespace ${name}`,
        'Trials live in a namespace',
        `kubectl create namespace ${name}    (or choose another with -n)`,
      ),
    ];
  if (found.metadata.deletionTimestamp !== undefined)
    return [
      problem(`namespace ${name} is being deleted`, 'nothing can be created in it', 'choose another with -n'),
    ];
  const users = uidRange(found.metadata.annotations);
  if (users)
    return [
      warning(
        `namespace ${name} may refuse most Trials`,
        `OpenShift gives it users ${users.first} to ${users.last}; under the SCC restricted-v2 it takes Trials with environment.allowPrivilegeEscalation false that name no other user and whose agent needs no installation`,
        `oc adm policy add-scc-to-user anyuid -z default -n ${name}    (lets every Pod of the namespace choose its user)`,
      ),
    ];
  const label = found.metadata.labels?.[POD_SECURITY.enforce];
  const enforced = enforcedLevel(label);
  if (!takes(enforced, TRIAL_LEVEL))
    return [
      warning(
        `namespace ${name} refuses most Trials`,
        `it enforces Pod Security ${enforced}; a Trial meets that where environment, agent and verifier have one user by its number and environment.allowPrivilegeEscalation is false, and ${TRIAL_LEVEL} otherwise: ${TRIAL_LACKS}`,
        `kubectl label namespace ${name} ${POD_SECURITY.enforce}=${TRIAL_LEVEL} --overwrite`,
      ),
    ];
  const level = label === undefined ? 'no Pod Security level' : `Pod Security ${enforced}`;
  return [fine(`namespace ${name} exists, enforces ${level}, and takes Trials`)];
}

/** The Pod of any Trial, as far as Pod Security is concerned. */
const TRIAL_POD = podSpec({
  containers: [
    { role: 'courier', image: '', user: 1, mounts: [] },
    { role: 'task', image: '', mounts: [] },
  ],
  volumes: {},
});
const TRIAL_LEVEL = securityLevelOf(TRIAL_POD);
const TRIAL_LACKS = shortfallsOf(TRIAL_POD)[0]?.what;

const namespace: Check<Patient> = {
  name: 'namespace',
  subject: 'the namespace',
  async run({ session: { kube, namespace: name } }) {
    return judgeNamespace(name, await kube.get(Namespace, { namespace: '', name }));
  },
};

/** In the order in which they are printed. */
export const clusterChecks: readonly Check<Patient>[] = [
  apiServer,
  kubernetes,
  clock,
  versions,
  customResources,
  namespace,
];
