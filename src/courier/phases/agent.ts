/** Sets the agent up and lets it work. What goes wrong with its work is recorded, and judged all the same. */
import type { Exception } from '../../crds/trial-status.ts';
import { AttemptFailure } from '../failure.ts';
import type { Ended, Hand, Refusal } from '../hand/hand.ts';
import type { Command } from '../hand/hand.ts';
import type { Limited, Step } from '../task/sequence.ts';

const LACKS: Record<Exclude<Refusal, 'interpreter'>, (command: Command) => string> = {
  user: ({ user }) => `the image has no user ${user}`,
  workdir: ({ workdir }) => `the image has no directory ${workdir}`,
  courier: ({ user }) =>
    `the user ${user} has the number of the courier's own user, which would show it secrets and tests: choose another one`,
};

/** Throws where the image lacks what the command needs to start at all; the interpreter is the script's own affair. */
export function demandPlace(ended: Ended, command: Command): void {
  if (ended.kind !== 'refused' || ended.refusal === 'interpreter') return;
  throw new AttemptFailure('TaskInvalid', LACKS[ended.refusal](command));
}

/** What a script that cannot start lacks. */
export const interpreterMissing = ({ argv, interpreter = '', shell }: Command): string => {
  if (shell)
    return `${argv[0]} cannot start: it names no interpreter, and neither /bin/bash nor /bin/sh is in the image`;
  const carriageReturn = interpreter.endsWith('\r') ? '; its first line ends in a carriage return' : '';
  return `${argv[0]} cannot start: its interpreter ${JSON.stringify(interpreter)} is not in the image${carriageReturn}`;
};

export const exitText = (code: number): string =>
  code > 128 ? `signal ${code - 128} (exit code ${code})` : `exit code ${code}`;

export const memoryText = (kills: number): string =>
  `; the kernel killed ${kills === 1 ? 'a process' : `${kills} processes`} for the memory limit`;

/** Runs the install script. Throws AgentSetupTimeout or AgentSetupFailed. */
export async function setUpAgent(hand: Hand, { command, limitSeconds }: Limited): Promise<void> {
  const ended = await hand.run({ ...command, agent: true }, limitSeconds);
  demandPlace(ended, command);
  if (ended.kind === 'refused')
    throw new AttemptFailure('AgentSetupFailed', interpreterMissing(command), { type: 'AgentSetupError' });
  if (ended.timedOut)
    throw new AttemptFailure('AgentSetupTimeout', `the install script did not end within ${limitSeconds} s`, {
      type: 'AgentSetupTimeoutError',
    });
  if (ended.code === 0) return;
  const memory = ended.oomKills > 0 ? memoryText(ended.oomKills) : '';
  throw new AttemptFailure(
    'AgentSetupFailed',
    `the install script ended with ${exitText(ended.code)}${memory}; see agent/install.txt`,
    { type: 'AgentSetupError' },
  );
}

/** Runs the agent; resolves what went wrong. */
export async function runAgent(
  hand: Hand,
  { exitCodeTells, command, limitSeconds }: NonNullable<Step['agent']>,
): Promise<Exception | undefined> {
  const ended = await hand.run({ ...command, agent: true }, limitSeconds);
  demandPlace(ended, command);
  if (ended.kind === 'refused')
    return { type: 'InterpreterNotFoundError', message: interpreterMissing(command) };
  if (ended.timedOut)
    return { type: 'AgentTimeoutError', message: `the agent did not end within ${limitSeconds} s` };
  if (ended.code === 0) return undefined;
  const said = `the agent ended with ${exitText(ended.code)}`;
  if (ended.oomKills > 0) return { type: 'OutOfMemoryError', message: said + memoryText(ended.oomKills) };
  return exitCodeTells ? { type: 'NonZeroAgentExitCodeError', message: said } : undefined;
}
