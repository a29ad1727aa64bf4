/** May they? Kubernetes' own rules say: `create` on `sandboxes/exec`, or on `trials/exec`, in the namespace. */
import { GROUP, sha256 } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import { EDIT_ROLE } from '../../installation/names.ts';
import type { Kind, KubeClient, KubeObject } from '../../kube/types.ts';
import { quoted } from '../../text/safe.ts';
import type { EnteredKey } from '../../wire/sandbox/names.ts';
import { limiter } from '../rate.ts';
import { refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import type { Caller } from './caller.ts';
import { Remembered } from './remembered.ts';

interface User {
  user: string;
  groups: string[];
  uid?: string;
  extra?: Record<string, string[]>;
}

export interface SubjectAccessReview extends KubeObject {
  spec: User & {
    resourceAttributes: {
      namespace: string;
      verb: string;
      group: string;
      resource: string;
      subresource: string;
      name: string;
    };
  };
  status?: { allowed: boolean };
}

export const SubjectAccessReview: Kind<SubjectAccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
};

const GOOD_MS = 30_000;
/** Whoever was refused has a rule made for them and tries again. */
const REFUSED_MS = 3000;
const REMEMBERED = 4096;
/** Questions that are new to us, within a second: of one caller and in all. */
export const ACCESS_REVIEWS = { each: 50, total: 200 } as const;

/** As kubectl takes it. */
function subjectOf(name: string): string {
  const [, account] = /^system:serviceaccount:([^:]+:[^:]+)$/.exec(name) ?? [];
  return account === undefined ? `--user=${quoted(name)}` : `--serviceaccount=${quoted(account)}`;
}

function notAllowed({ name }: Caller, { resource = 'sandboxes', namespace }: EnteredKey): Refused {
  const rule = `create on ${resource}/exec (${GROUP})`;
  const fix = `kubectl create rolebinding sb-edit-${resource} -n ${quoted(namespace)} --clusterrole=${EDIT_ROLE} ${subjectOf(name)}`;
  return refused(
    403,
    'NotAllowed',
    `user ${JSON.stringify(name)} has no rule in namespace ${namespace} for ${rule}; an admin gives it with: ${fix}`,
  );
}

/** The function resolves undefined for whoever may. It rejects with `ApiError` where the API server does not answer. */
export function accessReviews({ kube, now }: { kube: KubeClient; now: () => Date }) {
  const within = limiter(ACCESS_REVIEWS);
  const known = new Remembered<boolean>({
    size: REMEMBERED,
    now,
    goodMs: (isAllowed) => (isAllowed ? GOOD_MS : REFUSED_MS),
  });
  const ask = async (spec: SubjectAccessReview['spec']): Promise<boolean> => {
    const { status } = await kube.create(SubjectAccessReview, {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: { name: '' },
      spec,
    });
    return status?.allowed === true;
  };
  return async (caller: Caller, entered: EnteredKey): Promise<Refused | undefined> => {
    const { name: user, groups, uid, extra } = caller;
    const { resource = 'sandboxes', namespace, name } = entered;
    const asked = { verb: 'create', group: GROUP, resource, subresource: 'exec' };
    const resourceAttributes = { ...asked, namespace, name };
    const spec = { user, groups, ...present({ uid, extra }), resourceAttributes };
    const key = sha256(JSON.stringify(spec));
    const answer = known.answer(
      key,
      () => within(user, now()),
      () => ask(spec),
    );
    if (!answer) return refused(503, 'Busy', 'too many ask to be let in at the moment; try again');
    return (await answer) ? undefined : notAllowed(caller, entered);
  };
}
