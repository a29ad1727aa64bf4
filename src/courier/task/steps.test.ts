import { expect } from 'chai';
import { agentOf } from '../../agents/registry.ts';
import { agentsThatTake } from '../../crds/agents.ts';
import type { AssignedStep, Assignment } from '../../wire/assignment.ts';
import { anAssignment, aStep } from '../../../test/support/trial-assignment.ts';
import type { ReadyStep } from './ready-task.ts';
import { sequenceOf } from './steps.ts';
import type { Step } from './sequence.ts';

const aTask = (over: Partial<ReadyStep> = {}): ReadyStep => ({
  solution: '/task/solution',
  tests: ['/task/tests'],
  setup: false,
  instruction: 'Do it.\n',
  solve: '#!/bin/bash\n',
  test: '#!/bin/bash\n',
  ...over,
});
const sequence = (assignment: Partial<Assignment> = {}, task = aTask(), secrets = {}) =>
  sequenceOf(anAssignment(assignment), { folder: '/task', steps: [task] }, secrets);
const step = (...input: Parameters<typeof sequence>): Step => {
  const [first] = sequence(...input).steps;
  if (!first) throw new Error('no step');
  return first;
};
const agent = (over: Partial<AssignedStep['agent']>): Partial<Assignment> => ({
  steps: [aStep({ agent: { ...aStep().agent, ...over } })],
});

describe('sequenceOf', () => {
  it('makes commands of the assignment', () => {
    expect(sequence()).to.deep.equal({
      surroundings: {},
      rewardStrategy: 'Mean',
      steps: [
        {
          agent: {
            solution: '/task/solution',
            exitCodeTells: false,
            command: {
              argv: ['/solution/solve.sh'],
              interpreter: '/bin/bash',
              user: '0',
              workdir: '/app',
              env: { DEBIAN_FRONTEND: 'noninteractive' },
              stdout: '/logs/agent/oracle.txt',
              exitFile: '/logs/agent/exit-code.txt',
            },
          },
          stopBackground: false,
          hooks: [],
          artifacts: [],
          artifactsUser: '0',
          verifier: {
            limitSeconds: 600,
            tests: ['/task/tests'],
            command: {
              argv: ['/tests/test.sh'],
              interpreter: '/bin/bash',
              user: '0',
              workdir: '/app',
              env: {},
              stdout: '/logs/verifier/test-stdout.txt',
            },
          },
        },
      ],
    });
  });

  it('gives each phase its own user and limit', () => {
    const { agent: solver, verifier } = step({
      workdir: '/trial',
      steps: [
        aStep({
          agent: { ...aStep().agent, timeoutSeconds: 9, user: 'me' },
          verifier: { env: [], timeoutSeconds: 8, user: 'you' },
        }),
      ],
    });
    expect(solver).to.include({ limitSeconds: 9 });
    expect(solver?.command).to.include({ user: 'me', workdir: '/trial' });
    expect(verifier).to.include({ limitSeconds: 8 });
    expect(verifier?.command.user).to.equal('you');
  });

  it('runs healthcheck and hooks as the environment’s user, unless a hook has its own', () => {
    const healthcheck = {
      command: 'x',
      intervalSeconds: 1,
      timeoutSeconds: 1,
      startPeriodSeconds: 0,
      startIntervalSeconds: 1,
      retries: 1,
    };
    const hooks = [
      { command: 'a', timeoutSeconds: 1 },
      { command: 'b', timeoutSeconds: 2, user: 'own' },
    ];
    const { surroundings, steps } = sequence({ user: 'all', healthcheck, steps: [aStep({ hooks })] });
    expect(surroundings.healthcheck?.probe.user).to.equal('all');
    expect(steps[0]?.hooks.map(({ command }) => command.user)).to.deep.equal(['all', 'own']);
  });

  it('fills secrets in', () => {
    const env: AssignedStep['agent']['env'] = [
      { name: 'A', courierVariable: 'SB_SECRET_0' },
      { name: 'C', value: 'own' },
    ];
    const verifier = { env, timeoutSeconds: 1, user: '0' };
    const made = step({ steps: [aStep({ verifier })] }, aTask(), { SB_SECRET_0: 's' });
    expect(made.verifier?.command.env).to.deep.equal({ A: 's', C: 'own' });
  });

  it('gives a custom agent its scripts, its model and its instruction', () => {
    const custom = step(agent({ name: 'custom', run: 'go', install: '#!/bin/sh\n', model: 'm' }));
    expect(custom.setup?.limitSeconds).to.equal(360);
    expect(custom.setup?.command).to.include({ user: '0', interpreter: '/bin/sh' });
    expect(custom.agent?.command).to.deep.include({
      argv: ['/sb/agent/run'],
      shell: true,
      env: { SB_INSTRUCTION: '/sb/agent/instruction.md', SB_MODEL: 'm' },
    });
    expect(custom.agentFiles).to.deep.equal({
      'instruction.md': 'Do it.\n',
      install: '#!/bin/sh\n',
      run: 'go',
    });
  });

  for (const name of agentsThatTake('program'))
    it(`installs the program of ${name} as root where no image of it is there, and only there`, () => {
      const installed = step(agent({ name, version: '1.2.3', model: 'm', installs: true }));
      expect(installed.setup?.command).to.include({ user: '0', interpreter: '/bin/sh' });
      expect(installed.setup?.command.argv).to.deep.equal(['/sb/agent/install-program']);
      expect(installed.agentFiles).to.have.property(
        'install-program',
        agentOf(name)?.program?.install('1.2.3'),
      );
      expect(step(agent({ name, version: '1.2.3', model: 'm' })).agentFiles ?? {}).not.to.have.property(
        'install-program',
      );
    });

  it('has no agent for nop and no verifier where that is disabled', () => {
    const { verifier: _, ...unjudged } = aStep({ agent: { ...aStep().agent, name: 'nop' } });
    expect(step({ steps: [unjudged] })).to.deep.equal({
      stopBackground: false,
      hooks: [],
      artifacts: [],
      artifactsUser: '0',
    });
  });

  it('installs an agent once, and puts a step’s files into its working directory as the agent’s user', () => {
    const one = aStep({ agent: { ...aStep().agent, name: 'custom', run: 'x', install: 'y', user: 'me' } });
    const ready = aTask({ workdir: '/task/steps/two/workdir', setup: true });
    const assignment = anAssignment({
      workdir: '/work',
      steps: [
        { ...one, name: 'one' },
        { ...one, name: 'two' },
      ],
    });
    const [first, second] = sequenceOf(assignment, { folder: '/task', steps: [aTask(), ready] }, {}).steps;
    expect([first?.setup !== undefined, second?.setup !== undefined]).to.deep.equal([true, false]);
    expect(first).to.not.have.property('workdir');
    expect(second?.workdir).to.deep.equal({
      from: '/task/steps/two/workdir',
      to: '/work',
      user: 'me',
      setup: { argv: ['/work/setup.sh'], shell: true, user: 'me', workdir: '/work', env: {} },
    });
  });

  it('starts the entrypoint with Harbor’s arguments', () => {
    const { surroundings } = sequence({
      user: 'u',
      workdir: '/',
      image: { user: 'u', workdir: '', entrypoint: ['/e'], cmd: ['ignored'] },
    });
    expect(surroundings.entrypoint).to.include({ user: 'u', workdir: '/' });
    expect(surroundings.entrypoint?.argv).to.deep.equal(['/e', 'sh', '-c', 'sleep infinity']);
  });

  const without = (field: 'solve' | 'test' | 'instruction'): ReadyStep => {
    const task = aTask();
    delete task[field];
    return task;
  };
  const refused: [string, () => unknown, RegExp][] = [
    ['an oracle without solution', () => sequence({}, without('solve')), /solution\/solve\.sh is missing/],
    ['a verifier without test', () => sequence({}, without('test')), /tests\/test\.sh is missing/],
    [
      'a custom agent without instruction',
      () => sequence(agent({ name: 'custom', run: 'x' }), without('instruction')),
      /instruction\.md is missing/,
    ],
    [
      'a secret that did not arrive',
      () => sequence(agent({ env: [{ name: 'K', courierVariable: 'SB_SECRET_0' }] })),
      /the value of K did not reach the courier/,
    ],
    [
      'an agent that nobody knows',
      () => sequence(agent({ name: 'no-such-agent' })),
      /agent no-such-agent is not supported yet/,
    ],
  ];
  for (const [what, make, message] of refused)
    it(`refuses ${what}`, () => {
      expect(make).to.throw(message);
    });
});
