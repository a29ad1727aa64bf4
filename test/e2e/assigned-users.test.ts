import { expect } from 'chai';
import { UID_RANGE } from '../../src/crds/namespace-rules.ts';
import { kubectl, kubectlOk } from '../support/cluster.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { TEMPORARY } from '../support/temporary.ts';
import { smallImage } from './support/images.ts';
import { storedText } from './support/stored.ts';
import { ownTrial } from './support/stories.ts';
import { rewardIf } from './support/task.ts';
import { world } from './support/world.ts';

const [FIRST, LAST] = [1_000_680_000, 1_000_689_999];

/** As images are made for OpenShift: the group root may write what their user may, and their variable says where it is at home. */
const image = smallImage(
  'any-user',
  [
    'FROM debian:bookworm-slim',
    'ENV HOME=/opt/app',
    'RUN mkdir /opt/app && chgrp 0 /opt/app && chmod 770 /opt/app',
    'WORKDIR /opt/app',
    'USER 1001',
  ].join('\n'),
);

/** What OpenShift's SCC `restricted-v2` asks of users, in its words. */
const policyFor = (namespace: string): object[] => {
  const name = `users-of-${namespace}`;
  const range = `namespaceObject.metadata.annotations['${UID_RANGE}'].split('/').map(n, int(n))`;
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name, labels: TEMPORARY },
      spec: {
        matchConstraints: {
          resourceRules: [
            { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] },
          ],
        },
        variables: [
          { name: 'range', expression: range },
          { name: 'last', expression: 'variables.range[0] + variables.range[1] - 1' },
          {
            name: 'users',
            expression:
              '(object.spec.containers + object.spec.?initContainers.orValue([])).map(c, c.?securityContext.?runAsUser.orValue(0))',
          },
          {
            name: 'others',
            expression: 'variables.users.filter(u, u < variables.range[0] || u > variables.last)',
          },
        ],
        validations: [
          {
            expression: 'variables.others.size() == 0',
            messageExpression:
              '"provider restricted-v2: .containers[0].runAsUser: Invalid value: " + string(variables.others[0]) + ": must be in the ranges: [" + string(variables.range[0]) + ", " + string(variables.last) + "]"',
          },
        ],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name, labels: TEMPORARY },
      spec: {
        policyName: name,
        validationActions: ['Deny'],
        matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } },
      },
    },
  ];
};

describe('a namespace that has users of its own, as on OpenShift', () => {
  let namespace = '';

  before(async function () {
    this.timeout(120_000);
    namespace = await world().makeNamespace();
    await kubectlOk(['annotate', 'namespace', namespace, `${UID_RANGE}=${FIRST}/10000`]);
    await kubectlOk(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted']);
    await kubectlOk(['create', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: policyFor(namespace) });
    const holds = async (): Promise<boolean> => {
      const run = ['run', 'x', '--image=x', '-n', namespace, '--dry-run=server'];
      const security = { allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 1001 };
      const profile = { seccompProfile: { type: 'RuntimeDefault' }, capabilities: { drop: ['ALL'] } };
      const containers = [{ name: 'x', image: 'x', securityContext: { ...security, ...profile } }];
      const { stderr } = await kubectl([...run, `--overrides=${JSON.stringify({ spec: { containers } })}`]);
      return stderr.includes(`must be in the ranges: [${FIRST}, ${LAST}]`);
    };
    await eventuallyTrue('the policy holds', holds, 60);
  });

  after(() =>
    kubectlOk([
      'delete',
      'validatingadmissionpolicy,validatingadmissionpolicybinding',
      `users-of-${namespace}`,
    ]),
  );

  it('runs a Trial as one of them, whoever the image’s user is', async () => {
    const isOne = `[ "$(id -u):$(id -g)" = ${FIRST}:0 ] && [ "$HOME" = /opt/app ]`;
    const story = ownTrial(
      'any-user',
      {
        image,
        agent: `${isOne} && echo solved > ~/answer && echo kept > /logs/artifacts/kept.txt`,
        tests: rewardIf(`${isOne} && [ "$(cat ~/answer)" = solved ]`),
        spec: { environment: { allowPrivilegeEscalation: false } },
      },
      namespace,
    );
    const done = await story.earns(1);
    const { spec } = story.pods.at(-1) ?? {};
    const users = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(
      ({ securityContext }) => securityContext?.runAsUser ?? 0,
    );
    expect(new Set(users).size).to.equal(2);
    for (const user of users) expect(user).to.be.within(FIRST, LAST);
    expect(await storedText(done, 'output/kept.txt')).to.equal('kept\n');
  });

  it('runs one of an image that knows nothing of all this', async () => {
    const isOne = `[ "$(id -u)" = ${FIRST} ] && [ "$HOME" = / ]`;
    const story = ownTrial(
      'unknown-user',
      {
        agent: `${isOne} && echo solved > /tmp/answer`,
        tests: rewardIf(`${isOne} && [ "$(cat /tmp/answer)" = solved ]`),
        spec: { environment: { allowPrivilegeEscalation: false } },
      },
      namespace,
    );
    await story.earns(1);
  });

  it('refuses one whose task names another, and the Trial says whom it may name', async () => {
    const story = ownTrial(
      'other-user',
      {
        image,
        toml: '[agent]\nuser = "1001"\n[verifier]\nuser = "1001"\n',
        spec: { environment: { allowPrivilegeEscalation: false } },
      },
      namespace,
    );
    const isTold = new RegExp(
      `^the users of the namespace are ${FIRST} to ${LAST}, and the task container starts as user 1001\\. Set environment`,
    );
    await story.fails('JobRejected', isTold, 60);
  });
});
