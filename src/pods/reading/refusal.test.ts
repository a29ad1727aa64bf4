import { expect } from 'chai';
import { refusalOf, securityRefusal, type Refusal } from './refusal.ts';

const forbidden = 'Error creating: pods "hello-1-abcde" is forbidden:';
const cases: [words: string, kind: Refusal['kind'], why: Refusal['why']][] = [
  [`${forbidden} violates PodSecurity "restricted:latest": allowPrivilegeEscalation`, 'final', 'PodSecurity'],
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
