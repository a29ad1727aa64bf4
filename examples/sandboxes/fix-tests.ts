/**
 * Fixes a failing test suite in a Sandbox, step by step: run the tests, let something propose a change, try it, and bring home what passes. Here
 * the proposal is a fixed one; an agent would be asked at this place.
 */
import { createSandbox, openSession, type CommandResult, type SandboxEnvironment } from 'sb-operator/client';

const ROUNDS = 5;

const session = openSession({}, { env: process.env, cwd: process.cwd(), now: () => new Date() });

/** Of a program: 10 minutes for the suite, and its output as it comes. `-B`: Python takes a module for unchanged that was changed within a second, at the same size. */
const test = (box: SandboxEnvironment): Promise<CommandResult> =>
  box.runCommand('python3 -B -m unittest -q', {
    cwd: '/app',
    timeoutMs: 600_000,
    onStderr: (chunk) => void process.stderr.write(chunk),
  });

/** What an agent does: it is told what failed, looks around, and changes files. */
async function propose(box: SandboxEnvironment, failed: CommandResult): Promise<void> {
  console.log(`exit code ${failed.exitCode}:`, failed.stderr.trim().split('\n').at(-1));
  const source = await box.readFile('/app/add.py');
  await box.writeFile('/app/add.py', source.replace('a - b', 'a + b'));
}

try {
  // Deleted at the end of the block, whatever happens in it; and after an hour where this program does not get there.
  await using box = createSandbox(session, {
    executionBackend: 'kubernetes',
    image: 'python:3.13-slim',
    ttlSeconds: 3600,
    onProgress: ({ reason, message }) => console.log(`${reason}: ${message}`),
  });
  await box.mkdir('/app');
  await box.writeFile('/app/add.py', 'def add(a, b):\n    return a - b\n');
  await box.writeFile(
    '/app/test_add.py',
    'import unittest\nfrom add import add\n\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(add(2, 2), 4)\n',
  );

  let result = await test(box);
  for (let round = 0; result.exitCode !== 0 && round < ROUNDS; round += 1) {
    await propose(box, result);
    result = await test(box);
  }
  if (result.exitCode === 0) await box.download('/app', './fixed');
  console.log(result.exitCode === 0 ? 'fixed, see ./fixed' : 'still failing');
} finally {
  await session.close();
}
