/** What a run says of single steps. */
import { expect } from 'chai';
import { compile, filledIn, parseTaskToml, storedSpec, type Task } from '../../../tasks/index.ts';
import { hostVariables } from './host-variables.ts';
import { withTimeouts } from './overrides.ts';
import { RunSecrets } from './secrets.ts';
import { variablesOf } from './trial-variables.ts';

const TOML = `
[agent]
timeout_sec = 10
[verifier]
timeout_sec = 5
env = { ALL = "\${X}", OWN = "\${X}" }
[[steps]]
name = "one"
[[steps]]
name = "two"
[steps.agent]
timeout_sec = 20
[steps.verifier]
timeout_sec = 30
env = { OWN = "\${Y}" }
[[steps]]
name = "three"
[steps.verifier]
env = { OWN = "plain" }
`;
const config = parseTaskToml(TOML);
const task = { name: 'steps', config } as Task;
const environment = { X: 'x', Y: 'y' };

describe('a run of a task with steps', () => {
  it('stretches the timeouts of each step', () => {
    const spec = { task: { name: 'a', s3: { uri: 's3://b/tasks/a' } } };
    const stored = storedSpec(spec);
    const whole = filledIn(stored, compile(stored, { config, files: [] }));
    const { agent, steps } = withTimeouts(spec, whole, { timeoutMultiplier: 2 });
    expect(agent).to.deep.equal({ setupTimeoutSeconds: 720 });
    expect(steps).to.deep.equal([
      { name: 'one', agent: { timeoutSeconds: 20 }, verifier: { timeoutSeconds: 1200 } },
      { name: 'two', agent: { timeoutSeconds: 40 }, verifier: { timeoutSeconds: 60 } },
      { name: 'three', agent: { timeoutSeconds: 20 }, verifier: { timeoutSeconds: 1200 } },
    ]);
    expect(withTimeouts(spec, whole, {})).to.not.have.property('steps');
  });

  it('fills in what a step asks for in that step alone', () => {
    const secrets = new RunSecrets({ run: 'r', namespace: 'ns', envFile: {}, environment });
    const { verifier, steps } = variablesOf(task, { agent: { name: 'nop' } }, { options: {}, secrets });
    const reference = (name: string, variable: string) => [name, `var.${variable}`];
    const told = (env: typeof verifier) => env.map(({ name, secretKeyRef }) => [name, secretKeyRef?.key]);
    expect(told(verifier)).to.deep.equal([reference('ALL', 'X')]);
    expect(steps.map(({ name, verifier: { env } }) => [name, told(env)])).to.deep.equal([
      ['one', [reference('OWN', 'X')]],
      ['two', [reference('OWN', 'Y')]],
    ]);
  });

  it('asks for the variables of all steps', () => {
    const asked = hostVariables({
      tasks: [{ task }],
      contenders: [{ agent: { name: 'nop' } }],
      options: {},
      envFile: {},
      environment,
      allowed: [],
    });
    expect(asked.map(({ name }) => name)).to.deep.equal(['X', 'Y']);
  });
});
