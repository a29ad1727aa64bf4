/** People that an API server knows, by token or by certificate, and what they may. */
import type { SubjectAccessReview } from '../../../src/broker/sandbox/access-review.ts';
import type { TokenReview } from '../../../src/broker/sandbox/token-review.ts';
import type { KeyPair } from '../../../src/broker/tls/material.ts';
import { ConfigMap } from '../../../src/kube/kinds.ts';
import type { TestCluster } from './cluster.ts';

export interface People {
  cluster: TestCluster;
  /** Users by token. */
  users: Map<string, NonNullable<TokenReview['status']>['user']>;
  /** Where users and groups may enter what is a Sandbox: `namespace/name`, or `namespace/*`. Of Trials behind `trials:`. */
  rules: Map<string, string[]>;
  /** Signs client certificates. */
  clientCa: KeyPair;
}

/** Has the cluster answer reviews as an API server does; it knows Jane, who may work in `evals`. */
export function knowPeople({ cluster, users, rules, clientCa }: People): void {
  cluster.put(ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'kube-system', name: 'extension-apiserver-authentication' },
    data: { 'client-ca-file': clientCa.cert },
  });
  cluster.reviews.set('TokenReview', (object) => {
    const user = users.get((object as TokenReview).spec.token);
    return { status: user ? { authenticated: true, user } : { authenticated: false, error: 'unknown' } };
  });
  cluster.reviews.set('SubjectAccessReview', (object) => {
    const { user, groups, resourceAttributes: wanted } = (object as SubjectAccessReview).spec;
    const { verb, resource, subresource, group, namespace, name } = wanted;
    const isExec = `${verb} ${subresource}.${group}` === 'create exec.sb.abundant.ai';
    const may = [user, ...groups].flatMap((who) => rules.get(who) ?? []);
    const kind = resource === 'sandboxes' ? '' : `${resource}:`;
    const places = [`${kind}${namespace}/${name}`, `${kind}${namespace}/*`];
    return { status: { allowed: isExec && places.some((place) => may.includes(place)) } };
  });
  users.set('jane-token', { username: 'jane', groups: ['system:authenticated'] });
  rules.set('jane', ['evals/*']);
}
