import { expect } from 'chai';
import fc from 'fast-check';
import { anyCharacter } from '../../../../test/support/any-character.ts';
import { jobName } from '../../../crds/names.ts';
import { CliError } from '../../failures/error.ts';
import { buildObjectName, checkRunName, defaultRunName, secretObjectName, trialObjectName } from './names.ts';

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_VALUE = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** Anything that somebody may call a task: emoji, slashes, very long, empty. */
const anyText = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 250 }),
  fc.string({ unit: 'grapheme', maxLength: 250 }),
  fc.stringMatching(/^[A-Za-z0-9._/-]{0,250}$/),
);
const runName = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/);
const identity = fc.record({
  run: runName,
  taskId: anyText.map((name) => `${name}@0123456789ab`),
  agent: anyText,
  model: fc.option(anyText, { nil: undefined }),
  attempt: fc.integer({ min: 1, max: 10_000 }),
});

describe('Names of a run and its objects', () => {
  it('are names that Kubernetes takes, whatever the task, agent and model are called', () => {
    fc.assert(
      fc.property(identity, (one) => {
        const name = trialObjectName(one);
        expect(name).to.match(DNS_LABEL);
        expect(name.length).to.be.at.most(56);
        expect(jobName(name, 10).length).to.be.at.most(57);
        expect(buildObjectName(one.run, one.taskId))
          .to.match(DNS_LABEL)
          .and.have.property('length')
          .at.most(52);
        expect(secretObjectName(one.run)).to.match(DNS_LABEL).and.have.property('length').at.most(63);
      }),
    );
  });

  it('are the same for the same Trial and others for another', () => {
    fc.assert(
      fc.property(identity, identity, (one, other) => {
        expect(trialObjectName(one)).to.equal(trialObjectName({ ...one }));
        if (JSON.stringify(one) !== JSON.stringify(other))
          expect(trialObjectName(one)).to.not.equal(trialObjectName(other));
      }),
    );
  });

  it('begin with the task and the agent', () => {
    const one = { run: 'r', taskId: 'acme/Hello World@0123456789ab', agent: 'oracle', attempt: 1 };
    expect(trialObjectName(one)).to.match(/^hello-world-oracle-[0-9a-f]{10}$/);
    expect(trialObjectName({ ...one, model: 'm' })).to.match(/^hello-world-oracle-[0-9a-f]{6}-[0-9a-f]{10}$/);
    expect(trialObjectName({ ...one, taskId: '🦊@0123456789ab' })).to.match(/^task-oracle-/);
  });

  it('give two runs two Secrets, also where they differ in what a Secret’s name cannot show', () => {
    expect(secretObjectName('my-run')).to.equal('my-run-env');
    const names = ['My_run', 'my_run', 'my.run', 'my-run'].map(secretObjectName);
    expect(new Set(names).size).to.equal(4);
  });

  it('make a run’s default of the folder and the time', () => {
    const now = new Date('2026-01-31T14:25:01.500Z');
    expect(defaultRunName('/tasks/My Tasks/', now)).to.equal('my-tasks-20260131-142501');
    fc.assert(fc.property(anyText, (path) => void expect(defaultRunName(path, now)).to.match(LABEL_VALUE)));
  });

  it('refuse a run’s name that is no label value, with one that is', () => {
    expect(checkRunName('Run_1.a')).to.equal('Run_1.a');
    for (const name of ['', '-a', 'a'.repeat(64), 'a/b', '🦊', 'a b'])
      expect(() => checkRunName(name))
        .to.throw(CliError)
        .with.property('code', 'SB-E034');
    expect(() => checkRunName('a b'))
      .to.throw(CliError)
      .with.property('fix', '--run-name a-b');
  });
});
