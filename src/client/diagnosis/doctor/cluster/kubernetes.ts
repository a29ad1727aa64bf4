import { checkReachable } from '../../../session/preflight.ts';
import { fine, problem, type Check, type Found, type Patient } from '../check-result.ts';

/** From here on the API server evaluates ValidatingAdmissionPolicies unasked (KEP-3488), and the kubelet starts native sidecars; the courier is one. */
const OLDEST = [1, 30] as const;

/** `v1.36.1` or `v1.32.9-eks-113cf36`. */
export function judgeKubernetes(version: string): Found[] {
  const [, major = '0', minor = '0'] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  const isOld = Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]);
  if (!isOld) return [fine(`Kubernetes ${version}`)];
  return [
    problem(
      `Kubernetes ${version} is too old`,
      `its API server evaluates no admission policies, which the installation brings; that needs v${OLDEST.join('.')}`,
      'upgrade the cluster, or choose another with --context',
    ),
  ];
}

export const kubernetes: Check<Patient> = {
  name: 'kubernetes',
  subject: 'the version of Kubernetes',
  run: async ({ session }) => judgeKubernetes(await checkReachable(session)),
};
