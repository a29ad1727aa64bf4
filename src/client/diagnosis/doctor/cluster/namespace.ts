import { POD_SECURITY } from '../../../../installation/names.ts';
import { Namespace } from '../../../../kube/kinds.ts';
import { fine, problem, type Check, type Found, type Patient } from '../check-result.ts';

export function judgeNamespace(name: string, found: Namespace | undefined): Found[] {
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
  // A phase drops to its own user, so the task container begins as root.
  if (found.metadata.labels?.[POD_SECURITY.enforce] === 'restricted')
    return [
      problem(
        `namespace ${name} refuses Trials`,
        'Pod Security `restricted` is enforced in it, and the task container of a Trial starts as root',
        `kubectl label namespace ${name} ${POD_SECURITY.enforce}=baseline --overwrite`,
      ),
    ];
  return [fine(`namespace ${name} is there`)];
}

export const namespace: Check<Patient> = {
  name: 'namespace',
  subject: 'the namespace',
  async run({ session: { kube, namespace: name } }) {
    return judgeNamespace(name, await kube.get(Namespace, { namespace: '', name }));
  },
};
