import { expect } from 'chai';
import { refusalOf, securityRefusal, userRefusal, type Refusal } from './refusal.ts';

const forbidden = 'Error creating: pods "hello-1-abcde" is forbidden:';
const scc = `${forbidden} unable to validate against any security context constraint: [provider "anyuid": Forbidden: not usable by user or serviceaccount, provider restricted-v2: .initContainers[0].runAsUser: Invalid value: 65123: must be in the ranges: [1000680000, 1000689999], provider restricted-v2: .containers[0].runAsUser: Invalid value: 1000: must be in the ranges: [1000680000, 1000689999]]`;
const cases: [words: string, kind: Refusal['kind'], why: Refusal['why']][] = [
  [`${forbidden} violates PodSecurity "restricted:latest": allowPrivilegeEscalation`, 'final', 'PodSecurity'],
  [scc, 'final', 'Users'],
  [`${forbidden} maximum cpu usage per Container is 500m, but limit is 1`, 'final', 'Limits'],
  [`${forbidden} failed quota: q: must specify limits.cpu for: courier,task`, 'final', 'Limits'],
  [`${forbidden} ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`, 'final', 'Other'],
  ['Error creating: admission webhook "p.example.com" denied the request: no', 'final', 'Policy'],
  ['Error creating: Job.batch "x" is invalid: spec: too long', 'final', 'Other'],
  [`${forbidden} exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3`, 'passing', 'Quota'],
  [`${forbidden} unable to create new content because it is being terminated`, 'passing', 'Other'],
  [`${forbidden} error looking up service account a/default: not found`, 'passing', 'Other'],
  ['Error creating: Internal error occurred: failed calling webhook "p": refused', 'passing', 'Other'],
  ['Error creating: Post "https://10.0.0.1/api": EOF', 'unanswered', 'Other'],
];

describe('a refusal of the API server', () => {
  for (const [words, kind, why] of cases)
    it(`is ${kind}, for ${why}: ${words}`, () => expect(refusalOf(words)).to.include({ kind, why }));

  it('is worded the same with each try: without the Pod’s name and what is used of a quota', () => {
    const quota = (name: string, used: number) =>
      `Error creating: pods "${name}" is forbidden: exceeded quota: few, requested: pods=1, used: pods=${used}, limited: pods=3`;
    for (const words of [quota('hello-1-abcde', 3), quota('hello-1-fghij', 4)])
      expect(refusalOf(words).message).to.equal('exceeded quota: few, requested: pods=1, limited: pods=3');
  });
});

describe('a refusal for Pod Security', () => {
  const words = (level: string): string => `${forbidden} violates PodSecurity "${level}:v1.34": runAsUser=0`;
  const asRoot = { containers: [{ name: 'task', image: 'a', securityContext: { runAsUser: 0 } }] };

  it('names the namespace’s level, the Pod’s, and what the Pod lacks first', () =>
    expect(securityRefusal(words('restricted'), asRoot)).to.deep.equal({
      enforced: 'restricted',
      met: 'baseline',
      meaning:
        'the namespace enforces Pod Security restricted, and the Pod meets baseline: container task starts as root',
    }));

  it('knows that somebody else changed a Pod which meets the level', () =>
    expect(securityRefusal(words('baseline'), asRoot)?.meaning).to.include(
      'something in the cluster changed it',
    ));

  it('is none of another kind', () =>
    expect(securityRefusal(`${forbidden} exceeded quota: few`, asRoot)).to.equal(undefined));
});

describe('a refusal for the users of a namespace', () => {
  const podOf = (runAsUser?: number) => ({
    containers: [{ name: 'task', image: 'a', securityContext: runAsUser === undefined ? {} : { runAsUser } }],
  });

  it('names them, and the user of the task container', () => {
    expect(userRefusal(scc, podOf(1000))).to.equal(
      'the users of the namespace are 1000680000 to 1000689999, and the task container starts as user 1000',
    );
    expect(userRefusal(scc, podOf(0))).to.match(/starts as root$/);
  });

  it('is none of another kind', () =>
    expect(userRefusal(`${forbidden} violates PodSecurity "restricted:latest"`, podOf(0))).to.equal(
      undefined,
    ));
});
