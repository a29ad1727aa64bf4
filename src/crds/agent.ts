/** Who does a Trial's task. */
import { AGENTS, agentNames, agentsThatTake } from './agents.ts';
import { EnvVars, User } from './environment.ts';
import { choice, rules, seconds, text, Type } from './schema.ts';

const SCRIPT_MAX = 65_536;

const listed = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

export const among = (names: readonly string[]): string => `self.name in [${listed(names)}]`;
export const WITH_SCRIPTS = agentsThatTake('scripts');
const WITH_MODEL = agentsThatTake('model');
export const RUN_REQUIRED = `run is required for agent ${WITH_SCRIPTS.join(', ')} and has no meaning for others`;

/** What becomes of the processes that an agent leaves running. */
export const BACKGROUND_PROCESSES = ['Keep', 'Stop'] as const;
export type BackgroundProcesses = (typeof BACKGROUND_PROCESSES)[number];

/** How an agent comes to its model. */
export const MODEL_ACCESS = ['Proxy', 'Direct'] as const;
export type ModelAccess = (typeof MODEL_ACCESS)[number];

export const Agent = Type.Object(
  {
    name: text(64, `${agentNames.map((name) => `${name} ${AGENTS[name].does}`).join(', ')}.`, {
      default: 'oracle',
      minLength: 1,
    }),
    title: Type.Optional(
      text(64, 'What a custom agent is called in results and tables; default: custom.', {
        minLength: 1,
        pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
      }),
    ),
    version: Type.Optional(
      text(128, 'Version of the agent’s program, no tag; default: the one that this operator knows.', {
        pattern: '^[0-9][0-9A-Za-z.+_-]*$',
      }),
    ),
    model: Type.Optional(
      text(
        256,
        'Model, perhaps with its provider: `anthropic/claude-opus-4-1`; a custom agent gets it as SB_MODEL.',
      ),
    ),
    baseUrl: Type.Optional(
      text(
        1024,
        'Where the model answers, as the provider’s own programs take it: a gateway, for example; default: the provider.',
        { pattern: '^https?://[^\\s/?#@]+(/[^\\s?#@]*)?$' },
      ),
    ),
    modelAccess: Type.Optional(
      choice(
        [...MODEL_ACCESS],
        'Proxy: the courier adds the key to the agent’s calls, counts their tokens and keeps to the limits, and the agent’s phase needs no other network; Direct: the agent has the key and calls by itself; default: Proxy for agents that this operator knows, Direct for a custom one.',
      ),
    ),
    maxTokens: Type.Optional(
      Type.Integer({
        minimum: 1,
        format: 'int64',
        description:
          'Input and output tokens after which the model is not called any more; of all steps together.',
      }),
    ),
    maxCostUsd: Type.Optional(
      Type.Number({
        minimum: 0,
        description: 'Cost after which the model is not called any more; its price has to be known.',
      }),
    ),
    env: Type.Optional(EnvVars('Variables for the agent only.')),
    timeoutSeconds: Type.Optional(
      seconds(
        'Timeout of the agent; default: the one in task.toml, else none. The verifier runs even if it is exceeded.',
        { minimum: 1 },
      ),
    ),
    setupTimeoutSeconds: seconds('Timeout of the install script.', { minimum: 1, default: 360 }),
    user: Type.Optional(
      User('User of the agent; default: the one in task.toml, then the one in environment.'),
    ),
    backgroundProcesses: Type.Optional(
      choice(
        [...BACKGROUND_PROCESSES],
        'The agent’s background processes: Keep lets them run during the tests, Stop ends them before the tests appear; default: Keep.',
      ),
    ),
    install: Type.Optional(text(SCRIPT_MAX, 'Script that installs a custom agent, run as root.')),
    run: Type.Optional(
      text(SCRIPT_MAX, 'Script that runs a custom agent; SB_INSTRUCTION names the instruction’s file.'),
    ),
  },
  {
    default: {},
    description: 'Who does it.',
    ...rules(
      {
        rule: among(agentNames),
        message: `agent.name: only ${agentNames.join(', ')} are supported yet`,
        reason: 'FieldValueInvalid',
        fieldPath: '.name',
      },
      {
        rule: `!has(self.run) || ${among(WITH_SCRIPTS)}`,
        message: RUN_REQUIRED,
        reason: 'FieldValueInvalid',
      },
      {
        rule: `(!has(self.install) || ${among(WITH_SCRIPTS)}) && (!has(self.model) || ${among(WITH_MODEL)})`,
        message: `install is for agent ${WITH_SCRIPTS.join(', ')} only, model for ${WITH_MODEL.join(', ')}`,
        reason: 'FieldValueInvalid',
      },
      {
        rule: `!has(self.title) || (${among(WITH_SCRIPTS)} && !(self.title in [${listed(agentNames)}]))`,
        message: `title is for agent ${WITH_SCRIPTS.join(', ')} only, and no other agent’s name`,
        reason: 'FieldValueInvalid',
        fieldPath: '.title',
      },
      {
        rule: `!has(self.version) || ${among(agentsThatTake('program'))}`,
        message: 'version is for agents that this operator installs',
        reason: 'FieldValueInvalid',
      },
      {
        rule: '!has(self.modelAccess) || self.modelAccess == "Proxy" || (!has(self.maxTokens) && !has(self.maxCostUsd))',
        message: 'maxTokens and maxCostUsd need modelAccess Proxy',
        reason: 'FieldValueInvalid',
      },
    ),
  },
);
