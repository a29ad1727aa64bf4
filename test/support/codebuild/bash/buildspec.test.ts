import { expect } from 'chai';
import { PhaseFailure } from '../executor.ts';
import { parseBuildspec } from './buildspec.ts';

const GOOD = `
version: 0.2
env:
  shell: bash
  variables: { A: text, B: 5, C: true }
  exported-variables: [DIGEST]
phases:
  pre_build:
    commands: [one, two]
    finally: [last]
    on-failure: CONTINUE
  build:
    commands:
      - |
        several
        lines
`;

const refusal = (text: string): PhaseFailure['context'] => {
  try {
    parseBuildspec(text);
  } catch (error) {
    if (error instanceof PhaseFailure) return error.context;
  }
  return expect.fail('it was not refused');
};

describe('codebuild service: build specifications', () => {
  it('are read with everything that the service runs', () => {
    expect(parseBuildspec(GOOD)).to.deep.equal({
      variables: { A: 'text', B: '5', C: 'true' },
      exported: ['DIGEST'],
      phases: {
        install: { commands: [], finally: [], onFailure: undefined },
        pre_build: { commands: ['one', 'two'], finally: ['last'], onFailure: 'CONTINUE' },
        build: { commands: ['several\nlines\n'], finally: [], onFailure: undefined },
        post_build: { commands: [], finally: [], onFailure: undefined },
      },
    });
  });

  const REFUSED: Record<string, [change: (text: string) => string, named: string]> = {
    'another version': [(text) => text.replace('0.2', '0.1'), '0.1'],
    'another shell': [(text) => text.replace('shell: bash', 'shell: /bin/sh'), 'env.shell'],
    'no shell': [(text) => text.replace('shell: bash', ''), 'env.shell'],
    artifacts: [(text) => `${text}\nartifacts: { files: [a] }`, 'artifacts'],
    'the parameter store': [(text) => text.replace('variables:', 'parameter-store:'), 'parameter-store'],
    'secrets of its own': [(text) => text.replace('variables:', 'secrets-manager:'), 'secrets-manager'],
    'an unknown phase': [(text) => text.replace('pre_build', 'prebuild'), 'prebuild'],
    'runtime versions': [(text) => text.replace('finally:', 'runtime-versions:'), 'runtime-versions'],
    'retries of a phase': [(text) => text.replace('CONTINUE', 'RETRY-3'), 'RETRY-3'],
    'a command that is a mapping': [(text) => text.replace('[one, two]', '[{ echo: a }]'), 'commands[0]'],
    'commands that are no sequence': [(text) => text.replace('[one, two]', 'one'), 'pre_build.commands'],
    'no phases': [() => 'version: 0.2\nenv: { shell: bash }', 'phases'],
    'what is no YAML': [() => 'version: [', ''],
    'what is no mapping': [() => 'just text', 'the buildspec'],
  };
  for (const [what, [change, named]] of Object.entries(REFUSED)) {
    it(`are refused by name: ${what}`, () => {
      const { statusCode, message } = refusal(change(GOOD));
      expect(statusCode).to.equal('YAML_FILE_ERROR');
      expect(message).to.contain(named);
    });
  }
});
