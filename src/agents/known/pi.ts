import type { AgentFacts } from '../../crds/agent-facts.ts';
import { PROVIDER_NAMES } from '../../crds/providers.ts';
import type { Agent, AgentGiven } from '../agent.ts';
import { baseUrlOf } from '../endpoint.ts';
import { npmProgram } from '../programs/npm.ts';
import { begin, lines, program, skillsVariable, writable } from '../run.ts';
import { readPi } from '../transcripts/pi.ts';

export const facts: AgentFacts = {
  does: 'runs pi',
  reads: 'instruction.md',
  scripts: false,
  model: 'required',
  providers: PROVIDER_NAMES.filter((name) => name !== 'dashscope'),
  program: {
    registry: 'npm',
    package: '@mariozechner/pi-coding-agent',
    version: '0.73.1',
  },
  skills: true,
  // It has none of its own.
  mcp: false,
  mcpHeaders: false,
};

const TRANSCRIPT = { path: '/logs/agent/pi.jsonl', read: readPi };
const MODELS_FILE = 'models.json';
const NAMES: Record<string, string> = { gemini: 'google', moonshot: 'moonshotai' };

/** What it loads for Bedrock and in Windows, and what only types are made of. */
const WITHOUT = ['@aws', '@aws-sdk', '@smithy', 'koffi', '@babel', 'json-schema-to-ts', 'ts-algebra'];

/** pi knows prices and limits of the models of its providers; one that it does not know has those of another. */
const models = ({ endpoint }: AgentGiven): object => ({
  providers: endpoint && {
    [providerOf(endpoint)]: { baseUrl: baseUrlOf(endpoint, { gemini: '/v1beta' }), apiKey: endpoint.key },
  },
});

const providerOf = ({ provider }: NonNullable<AgentGiven['endpoint']>): string => NAMES[provider] ?? provider;

export const agent: Agent = {
  program: npmProgram({ package: '@mariozechner/pi-coding-agent', bin: 'pi', without: WITHOUT }),
  run: (given) => ({
    path: `${given.folder}/run`,
    text: lines(
      ...begin('pi'),
      `cp ${given.folder}/${MODELS_FILE} "$PI_CODING_AGENT_DIR/" || exit`,
      [
        `exec ${program('pi')} --provider "$SB_PROVIDER" --model "$SB_MODEL" --session ${TRANSCRIPT.path}`,
        ...(given.skills === undefined ? [] : [`--skill "$SB_SKILLS_DIR"`]),
        `--print < ${given.instruction}`,
      ].join(' '),
    ),
    env: {
      PI_CODING_AGENT_DIR: writable('pi'),
      PI_OFFLINE: '1',
      PI_TELEMETRY: '0',
      ...(given.endpoint && { SB_PROVIDER: providerOf(given.endpoint), SB_MODEL: given.endpoint.name }),
      ...skillsVariable(given.skills),
    },
    stdout: '/logs/agent/pi.txt',
  }),
  files: (given) => ({ [MODELS_FILE]: JSON.stringify(models(given)) }),
  exitCodeTells: true,
  transcript: TRANSCRIPT,
};
