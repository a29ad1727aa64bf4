import { expect } from 'chai';
import { parseTaskToml } from '../toml/parse.ts';
import { compile } from './compile.ts';
import { podNetworkOf } from './network.ts';
import { storedSpec } from './refusals.ts';

function made(toml: string, spec: object = {}) {
  const files = ['environment/Dockerfile', 'solution/solve.sh', 'tests/test.sh'].map((path) => ({ path }));
  const context = { uri: 's3://b/tasks/x/context.zip', sha256: 'a'.repeat(64) };
  const task = { name: 'org/hello', s3: { uri: 's3://b/tasks/x' } };
  return compile(storedSpec({ task, ...spec }), { config: parseTaskToml(toml), files, context });
}

/** `environment agent verifier` of each step, lists by their hosts. */
const said = (toml: string, spec: object = {}): string[] =>
  made(toml, spec).steps.map(({ networks: { environment, agent, verifier } }) =>
    [environment, agent, verifier]
      .map(({ mode, hosts }) => (mode === 'Allowlist' ? `[${hosts.join()}]` : mode))
      .join(' '),
  );

const ALLOW = (hosts: string): string => `network_mode = "allowlist"\nallowed_hosts = ["${hosts}"]\n`;
const NONE = 'network_mode = "no-network"\n';

describe('what a phase may reach', () => {
  const rows: [what: string, toml: string, expected: string[]][] = [
    ['everything where nobody says anything', '', ['Public Public Public']],
    ['what the environment says', `[environment]\n${NONE}`, ['None None None']],
    ['the same in the old spelling', '[environment]\nallow_internet = false', ['None None None']],
    [
      'what the phase says before that',
      `[environment]\n${NONE}[agent]\n${ALLOW('pypi.org')}[verifier]\nnetwork_mode = "public"`,
      ['None [pypi.org] Public'],
    ],
    [
      'what the step says before that, each for itself',
      `[agent]\n${NONE}[[steps]]\nname = "a"\n[steps.agent]\n${ALLOW('a.org')}[[steps]]\nname = "b"\n[steps.verifier]\n${NONE}`,
      ['Public [a.org] Public', 'Public None None'],
    ],
    ['nothing with an empty list', '[agent]\nnetwork_mode = "allowlist"', ['Public [] Public']],
    [
      'for a separate verifier what its container has',
      `[environment]\n${NONE}[verifier.environment]\ndocker_image = "a"\n${ALLOW('v.org')}`,
      ['None None [v.org]'],
    ],
    [
      'for a separate verifier without one of its own what the agent’s has',
      `[environment]\n${NONE}[verifier]\nenvironment_mode = "separate"`,
      ['None None None'],
    ],
  ];
  for (const [what, toml, expected] of rows)
    it(`is ${what}`, () => expect(said(toml)).to.deep.equal(expected));

  it('is what the Trial says, whatever the task says', () => {
    const toml = `[agent]\n${NONE}[verifier]\n${ALLOW('v.org')}`;
    const trial = (network: object) => said(toml, { environment: { network } });
    expect(trial({ mode: 'Public' })).to.deep.equal(['Public Public Public']);
    expect(trial({ mode: 'Allowlist', allowedHosts: ['a.org'] })).to.deep.equal(['[a.org] [a.org] [a.org]']);
    expect(trial({ enforcement: 'Required' })).to.deep.equal(['Public None [v.org]']);
  });

  it('is for a verifier that does not run nothing of its own', () => {
    expect(said(`[verifier]\n${NONE}`, { verifier: { disabled: true } })).to.deep.equal([
      'Public Public Public',
    ]);
  });

  it('closes the whole Pod as soon as one of them is less than the internet', () => {
    const of = (toml: string) => podNetworkOf(made(toml).steps);
    expect(of('')).to.equal('public');
    for (const toml of [`[environment]\n${NONE}`, `[agent]\n${NONE}`, `[verifier]\n${ALLOW('a.org')}`])
      expect(of(toml)).to.equal('restricted');
    expect(of(`[[steps]]\nname = "a"\n[[steps]]\nname = "b"\n[steps.agent]\n${NONE}`)).to.equal('restricted');
  });

  it('is refused where the Trial’s list has what is no host, by field, value and reason', () => {
    const network = { mode: 'Allowlist', allowedHosts: ['a.org', 'https://b.org/x'] };
    const messages = made('', { environment: { network } }).problems.map(({ message }) => message);
    expect(messages).to.have.length(1);
    expect(messages[0]).to.match(
      /^spec\.environment\.network\.allowedHosts\[1\] is "https:\/\/b\.org\/x"; expected a host, /,
    );
  });
});
