import { expect } from 'chai';
import type { Assignment } from '../../wire/assignment.ts';
import { parseTaskToml } from '../../tasks/index.ts';
import { anAssignment } from '../../../test/support/trial-run.ts';
import type { ReadyTask } from './ready-task.ts';
import { sequenceOf } from './steps.ts';
import type { Step } from './steps.ts';

const aTask = (toml = '', over: Partial<ReadyTask> = {}): ReadyTask => ({
  folder: '/task',
  config: parseTaskToml(toml),
  instruction: 'Do it.\n',
  solve: '#!/bin/bash\n',
  test: '#!/bin/bash\n',
  ...over,
});
const sequence = (assignment: Partial<Assignment> = {}, task = aTask(), secrets = {}) =>
  sequenceOf(anAssignment(assignment), task, secrets);
const step = (...input: Parameters<typeof sequence>): Step => {
  const [first] = sequence(...input).steps;
  if (!first) throw new Error('no step');
  return first;
};
const agent = (over: Partial<Assignment['agent']>): Partial<Assignment> => ({
  agent: { ...anAssignment().agent, ...over },
});

describe('sequenceOf', () => {
  it('fills in Harbor’s defaults', () => {
    expect(sequence()).to.deep.equal({
      notes: [],
      surroundings: {},
      steps: [
        {
          agent: {
            kind: 'oracle',
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
          hooks: [],
          artifacts: [],
          artifactsUser: '0',
          verifier: {
            limitSeconds: 600,
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

  it('lets task.toml go before defaults, and the Trial before task.toml', () => {
    const task = aTask(
      '[agent]\ntimeout_sec = 1.5\nuser = 7\n[verifier]\ntimeout_sec = 2\nuser = "judge"\n[environment]\nworkdir = "/toml"\n[environment.healthcheck]\ncommand = "x"\n',
    );
    const byToml = step({ image: { ...anAssignment().image, user: 'image' } }, task);
    expect(byToml.agent?.command).to.include({ user: '7', workdir: '/toml' });
    expect(byToml.agent?.limitSeconds).to.equal(1.5);
    expect(byToml.verifier).to.deep.include({ limitSeconds: 2 });
    expect(byToml.verifier?.command.user).to.equal('judge');
    const byTrial = step(
      {
        workdir: '/trial',
        user: 'all',
        ...agent({ timeoutSeconds: 9, user: 'me' }),
        verifier: { disabled: false, env: [], timeoutSeconds: 8, user: 'you' },
      },
      task,
    );
    expect(byTrial.agent).to.include({ limitSeconds: 9 });
    expect(byTrial.agent?.command).to.include({ user: 'me', workdir: '/trial' });
    expect(byTrial.verifier?.command.user).to.equal('you');
    expect(sequence({ user: 'all' }, task).surroundings.healthcheck?.probe.user).to.equal('all');
  });

  it('fills variables in: secrets, defaults, the Trial over task.toml', () => {
    const task = aTask('[verifier.env]\nA = "${A}"\nB = "${B:-b}"\nC = "c"\n');
    const env: Assignment['verifier']['env'] = [
      { name: 'A', courierVariable: 'SB_SECRET_VERIFIER_0' },
      { name: 'C', value: 'own' },
    ];
    const { verifier } = step({ verifier: { disabled: false, env } }, task, { SB_SECRET_VERIFIER_0: 's' });
    expect(verifier?.command.env).to.deep.equal({ A: 's', B: 'b', C: 'own' });
  });

  it('gives every phase the environment’s variables but those that the Trial has set in the container', () => {
    const task = aTask('[environment.env]\nA = "${X}"\nB = "${X:-b}"\nC = "c"\n');
    const { steps } = sequence({ environmentVariables: ['A', 'C'] }, task);
    expect(steps[0]?.verifier?.command.env).to.deep.equal({ B: 'b' });
    expect(() => sequence({}, task)).to.throw('environment.env.A needs the variable X');
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
  });

  it('has no agent for nop and no verifier where that is disabled', () => {
    const nop = step({ ...agent({ name: 'nop' }), verifier: { disabled: true, env: [] } }, aTask('', {}));
    expect(nop).to.deep.equal({ hooks: [], artifacts: [], artifactsUser: '0' });
  });

  it('starts the entrypoint with Harbor’s arguments', () => {
    const { surroundings } = sequence({
      image: { user: 'u', workdir: '', entrypoint: ['/e'], cmd: ['ignored'] },
    });
    expect(surroundings.entrypoint).to.include({ user: 'u', workdir: '/' });
    expect(surroundings.entrypoint?.argv).to.deep.equal(['/e', 'sh', '-c', 'sleep infinity']);
  });

  const without = (field: 'solve' | 'test' | 'instruction'): ReadyTask => {
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
      'a variable that nobody filled',
      () => sequence({}, aTask('[solution.env]\nA = "${X}"\n')),
      /solution\.env\.A needs the variable X/,
    ],
    [
      'a name that no shell can export',
      () => sequence({}, aTask('[verifier.env]\n"a-b" = "1"\n')),
      /verifier\.env: "a-b" is no name of a variable/,
    ],
    [
      'a secret that did not arrive',
      () => sequence(agent({ env: [{ name: 'K', courierVariable: 'SB_SECRET_AGENT_0' }] })),
      /the value of K did not reach the courier/,
    ],
    [
      'an agent that nobody knows',
      () => sequence(agent({ name: 'codex' })),
      /agent codex is not supported yet/,
    ],
  ];
  for (const [what, make, message] of refused)
    it(`refuses ${what}`, () => {
      expect(make).to.throw(message);
    });
});
