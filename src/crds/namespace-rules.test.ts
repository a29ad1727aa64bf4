import { expect } from 'chai';
import {
  costLabels,
  monthlyBudget,
  namespaceRules,
  ownFolder,
  UID_RANGE,
  uidRange,
  unreadable,
} from './namespace-rules.ts';

const PREFIXES = 'sb.abundant.ai/task-prefixes';

const reading = (key: string, value?: string, requirePrefixes = false): string | undefined =>
  unreadable(namespaceRules(value === undefined ? {} : { [PREFIXES]: value }, { requirePrefixes }), {
    key,
    namespace: 'team-a',
  });

describe('the tasks that a namespace may read', () => {
  it('are all of them without the annotation', () => {
    expect(reading('tasks/anybody/x/1')).to.equal(undefined);
  });

  it('are none without the annotation where the installation requires it', () => {
    expect(reading('tasks/team-a/x', undefined, true)).to.equal(
      'namespace team-a may not read tasks/team-a/x: this installation requires the annotation sb.abundant.ai/task-prefixes on the Namespace, which has none',
    );
    expect(reading('tasks/team-a/x', 'tasks/team-a', true)).to.equal(undefined);
    const unknown = namespaceRules(undefined, { requirePrefixes: true });
    expect(unreadable(unknown, { key: 'tasks/x', namespace: 'gone' })).to.be.a('string');
  });

  it('are those under its prefixes, with or without the closing slash and spaces', () => {
    for (const value of ['tasks/team-a/,tasks/shared/', ' tasks/shared , tasks/team-a'])
      for (const key of ['tasks/team-a', 'tasks/team-a/x/1', 'tasks/shared/x'])
        expect(reading(key, value), `${value} ${key}`).to.equal(undefined);
    expect(reading('tasks/team-b/x', 'tasks/team-a/,tasks/shared/')).to.equal(
      'namespace team-a may not read tasks/team-b/x: the Namespace’s annotation sb.abundant.ai/task-prefixes allows tasks/team-a/, tasks/shared/',
    );
  });

  it('are all of them where an admin says tasks/', () => {
    expect(reading('tasks/anybody/x', 'tasks/', true)).to.equal(undefined);
  });

  it('end at whole segments: another team whose name only begins alike is another', () => {
    expect(reading('tasks/team-ab/x', 'tasks/team-a')).to.be.a('string');
    expect(reading('tasks/team', 'tasks/team-a')).to.be.a('string');
  });

  it('are none where one prefix is wrong, and the message says which', () => {
    for (const value of [
      '',
      'team-a/',
      'tasks/../trials',
      'tasks//a',
      '/tasks/a',
      'tasks/a,',
      'tasks/a,*',
      's3://bucket/tasks/a',
    ])
      expect(reading('tasks/a/x', value), value).to.match(/lists ".*", which is no prefix under tasks\//);
    expect(reading('tasks/a', Array(101).fill('tasks/a').join(','))).to.contain('more than 100 prefixes');
  });
});

describe('the folder of a researcher', () => {
  const LABELS = { 'sb.abundant.ai/researcher': 'ada' };
  const own = ownFolder({ metadata: { name: 'ada', labels: LABELS } });
  const asAda = (key: string, annotations = {}, requirePrefixes = false): string | undefined =>
    unreadable(namespaceRules(annotations, { requirePrefixes, own }), { key, namespace: 'ada' });
  const MINE = 'tasks/researchers/ada/hello/1/task.zip';

  it('may be read by their Trials, whatever else they may read', () => {
    for (const value of ['tasks/shared/', 'no prefix'])
      expect(asAda(MINE, { [PREFIXES]: value }), value).to.equal(undefined);
    expect(asAda(MINE, {}, true)).to.equal(undefined);
  });

  it('opens nothing else: no other researcher’s, and none of those that are all people’s', () => {
    for (const key of [
      'tasks/researchers/ada-b/x',
      'tasks/researchers/bob/x',
      'tasks/researchers',
      'tasks/local/x',
    ])
      for (const [annotations, required] of [
        [{ [PREFIXES]: 'tasks/shared/' }, false],
        [{}, true],
      ] as const)
        expect(asAda(key, annotations, required), key).to.be.a('string');
  });

  it('is named after the Namespace: a label that says another name gives nobody that folder', () => {
    expect(ownFolder({ metadata: { name: 'eve', labels: LABELS } })).to.equal('researchers/eve');
    for (const labels of [undefined, {}])
      expect(ownFolder({ metadata: { name: 'ada', ...(labels && { labels }) } })).to.equal(undefined);
    expect(ownFolder(undefined)).to.equal(undefined);
  });
});

describe('what becomes of background processes', () => {
  const rule = (value?: string) =>
    namespaceRules(value === undefined ? {} : { 'sb.abundant.ai/background-processes': value }, {
      requirePrefixes: false,
    }).backgroundProcesses;

  it('is not said without the annotation, and the stricter rule where its word is unknown', () => {
    expect([rule(), rule('Keep'), rule('Stop'), rule('keep')]).to.deep.equal([
      undefined,
      'Keep',
      'Stop',
      'Stop',
    ]);
  });
});

describe('where the verifiers of a namespace run', () => {
  const rule = (value?: string) =>
    namespaceRules(value === undefined ? {} : { 'sb.abundant.ai/verifier-mode': value }, {
      requirePrefixes: false,
    }).verifierMode;

  it('is not said without the annotation, and refused where its word is no mode', () => {
    expect([rule(), rule('Shared'), rule('Separate')]).to.deep.equal([undefined, 'Shared', 'Separate']);
    for (const value of ['separate', '', 'x'.repeat(1000)])
      expect(rule(value)).to.deep.equal({
        refused: `the Namespace’s annotation sb.abundant.ai/verifier-mode is ${JSON.stringify(value.slice(0, 100))}; expected Shared or Separate`,
      });
  });
});

describe('the labels of Pods for whoever adds up costs', () => {
  it('are what an admin has said of the namespace', () => {
    expect(costLabels({ labels: { 'sb.abundant.ai/user-id': 'ada', user_id: 'eve' } })).to.deep.equal({
      user_id: 'ada',
    });
    expect([costLabels({}), costLabels(undefined)]).to.deep.equal([{}, {}]);
  });
});

describe('the budget of a namespace', () => {
  const LABEL = 'sb.abundant.ai/monthly-budget';
  const budget = (value?: string) => monthlyBudget({ labels: value === undefined ? {} : { [LABEL]: value } });

  it('is an amount of dollars, and refused where it is none', () => {
    expect([budget(), budget('0'), budget('200'), budget('12.50')]).to.deep.equal([
      undefined,
      0,
      200_000_000,
      12_500_000,
    ]);
    for (const value of ['', 'much', '1e9', '5.', '1.234'])
      expect(budget(value)).to.deep.equal({
        refused: `the Namespace’s label ${LABEL} is ${JSON.stringify(value)}; expected US dollars such as 200 or 12.50`,
      });
  });

  it('is nothing to spend where it was written as an annotation, as the other rules are', () => {
    const annotations = { [LABEL]: '200' };
    expect(monthlyBudget({ annotations })).to.deep.equal({
      refused: `the Namespace has ${LABEL} as an annotation, which counts for nothing; expected a label`,
    });
    expect(monthlyBudget({ annotations, labels: { [LABEL]: '5' } })).to.equal(5_000_000);
    expect(monthlyBudget(undefined)).to.equal(undefined);
  });
});

describe('the users of a namespace', () => {
  const users = (value: string) => uidRange({ [UID_RANGE]: value });

  it('are a range by its length or its end, and never root', () => {
    expect(users('1000680000/10000')).to.deep.equal({ first: 1_000_680_000, last: 1_000_689_999 });
    expect(users('1000680000-1000689999')).to.deep.equal({ first: 1_000_680_000, last: 1_000_689_999 });
    expect(users('0/10')).to.deep.equal({ first: 1, last: 9 });
    expect(namespaceRules({ [UID_RANGE]: '5/1' }, { requirePrefixes: false }).users).to.deep.equal({
      first: 5,
      last: 5,
    });
  });

  it('are not known where nobody says them, or says no range', () => {
    expect(uidRange(undefined)).to.equal(undefined);
    for (const value of ['', '1000', '9-5', '5/0', '0/1', '1-2147483648', '1/2147483648', 'a-b', '1-2,5-6'])
      expect(users(value), value).to.equal(undefined);
  });
});
