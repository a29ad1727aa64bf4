import { expect } from 'chai';
import { parseTaskToml } from '../toml/parse.ts';
import { compile } from './compile.ts';
import { storedSpec } from './refusals.ts';

const SEPARATE = '[verifier]\nenvironment_mode = "separate"\n';

function compiled({ toml = SEPARATE, spec = {} }: { toml?: string; spec?: object } = {}) {
  // Neither instruction nor solution: no agent needs them any more.
  const files = ['task.toml', 'environment/Dockerfile', 'tests/test.sh', 'steps/a/tests/test.sh'];
  const context = { uri: 's3://b/tasks/x/context.zip', sha256: 'a'.repeat(64) };
  const task = { config: parseTaskToml(toml), files: files.map((path) => ({ path })), context };
  const named = { name: 'org/hello', s3: { uri: 's3://b/tasks/x' } };
  return compile(storedSpec({ task: named, regrade: { trial: 'first' }, ...spec }), task);
}

describe('the compile of a regrade', () => {
  it('asks for nothing of the agent, whoever it was', () => {
    const toml = `${SEPARATE}[solution.env]\nKEY = "\${KEY}"\n`;
    expect(compiled({ toml }).problems).to.deep.equal([]);
    const env = [{ name: 'API', secretKeyRef: { name: 'keys', key: 'api' } }];
    const spec = { agent: { name: 'custom', model: 'm', run: 'x', install: 'y', env } };
    const [{ agent }] = compiled({ spec }).steps;
    expect(agent).to.deep.equal({ name: 'nop', setupTimeoutSeconds: 360, env: [] });
  });

  it('keeps tests, artifacts and variables of the verifier', () => {
    const made = compiled({
      spec: { verifier: { env: [{ name: 'A', value: '1' }] }, artifacts: [{ source: '/app/x' }] },
    });
    const [{ verifier, artifacts }] = made.steps;
    expect(verifier).to.deep.include({ role: 'verifier', env: [{ name: 'A', value: '1' }] });
    expect(artifacts).to.deep.equal([{ source: '/app/x', into: 'app/x' }]);
    expect(Object.keys(made.environments)).to.deep.equal(['agent', 'verifier']);
  });

  it('refuses a shared verifier, of which nothing is left to judge in, and says what to do', () => {
    const [problem] = compiled({ toml: '' }).problems;
    expect(problem).to.include({ reason: 'TaskUnsupported', field: 'verifier.environment_mode' });
    expect(problem?.message).to.match(
      /that of the task is shared.*environment_mode = "separate".*spec\.verifier\.mode/,
    );
    expect(compiled({ toml: '', spec: { verifier: { mode: 'Separate' } } }).problems).to.deep.equal([]);
    const toml =
      '[[steps]]\nname = "a"\n[steps.verifier]\nenvironment_mode = "separate"\n[[steps]]\nname = "b"\n';
    const [shared] = compiled({ toml }).problems.filter((one) => one.reason === 'TaskUnsupported');
    expect(shared?.message).to.match(/that of step b is shared/);
  });

  it('is of the steps that the Trial changes, but for their agents', () => {
    const toml = `${SEPARATE}[[steps]]\nname = "a"\n`;
    const steps = [{ name: 'a', agent: { timeoutSeconds: 5 }, minReward: 1 }];
    const [step] = compiled({ toml, spec: { steps } }).steps;
    expect(step.agent).not.to.have.property('timeoutSeconds');
    expect(step.minRewards).to.deep.equal({ reward: 1 });
  });
});
