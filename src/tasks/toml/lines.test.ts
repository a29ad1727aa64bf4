import { expect } from 'chai';
import { lineFinder } from './lines.ts';

const text = `top = 1
[environment]
cpus = 1
env = { A = "x" }
"odd key" = 2
[environment.healthcheck]
command = """
cpus = not a key
"""
retries = 3
[[steps]]
name = "a"
[steps.agent]
timeout_sec = 1
[[steps]]
agent.timeout_sec = 2
[[steps.verifier.collect]]
command = "x"
`;

describe('lineFinder', () => {
  const lineOf = lineFinder(text);
  const cases: [(string | number)[], number | undefined][] = [
    [['top'], 1],
    [['environment', 'cpus'], 3],
    [['environment', 'env', 'A'], 4],
    [['environment', 'odd key'], 5],
    [['environment', 'healthcheck', 'command'], 7],
    [['environment', 'healthcheck', 'retries'], 10],
    [['environment', 'healthcheck', 'missing'], 6],
    [['steps', 0, 'name'], 12],
    [['steps', 0, 'agent', 'timeout_sec'], 14],
    [['steps', 1, 'agent', 'timeout_sec'], 16],
    [['steps', 1, 'verifier', 'collect', 0, 'command'], 18],
    [['nowhere'], undefined],
  ];
  for (const [path, line] of cases)
    it(`finds ${path.join('.')} in line ${line}`, () => {
      expect(lineOf(path)).to.equal(line);
    });
});
