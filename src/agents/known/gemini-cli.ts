import type { AgentFacts } from '../../crds/agent-facts.ts';
import { present } from '../../crds/present.ts';
import type { Agent, AgentGiven } from '../agent.ts';
import { geminiServersOf } from '../mcp.ts';
import { npmProgram } from '../programs/npm.ts';
import { bashOrSh, begin, copiedSkills, lines, program, skillsVariable, writable } from '../run.ts';
import { readGeminiCli } from '../transcripts/gemini-cli.ts';

export const facts: AgentFacts = {
  does: 'runs Gemini CLI',
  reads: 'instruction.md',
  scripts: false,
  model: 'required',
  providers: ['gemini'],
  program: { registry: 'npm', package: '@google/gemini-cli', version: '0.61.0' },
  skills: true,
  mcp: true,
  mcpHeaders: true,
};

const TRANSCRIPT = { path: '/logs/agent/gemini-cli.txt', read: readGeminiCli };
const SETTINGS_FILE = 'settings.json';
const WEB_TOOLS = ['google_web_search', 'web_fetch'];

/** By the names of Gemini CLI's documentation (configuration). Those of the system would have to lie in a folder of root's. */
const settings = ({ webTools, mcpServers }: AgentGiven): object => ({
  general: { enableAutoUpdate: false, enableAutoUpdateNotification: false },
  security: { auth: { selectedType: 'gemini-api-key' } },
  privacy: { usageStatisticsEnabled: false },
  telemetry: { enabled: false },
  ...(!webTools && { tools: { exclude: WEB_TOOLS } }),
  ...(mcpServers && { mcpServers: geminiServersOf(mcpServers) }),
});

const variables = ({ endpoint, model, skills }: AgentGiven): Record<string, string> => ({
  // `.gemini` is made in it instead of in the user's home.
  GEMINI_CLI_HOME: writable('gemini-cli'),
  GEMINI_CLI_TRUST_WORKSPACE: 'true',
  // It does not start itself again with another limit of memory.
  GEMINI_CLI_NO_RELAUNCH: 'true',
  ...present({ GOOGLE_GEMINI_BASE_URL: endpoint?.baseUrl, GEMINI_MODEL: endpoint?.name ?? model }),
  ...skillsVariable(skills),
});

export const agent: Agent = {
  program: npmProgram({
    package: '@google/gemini-cli',
    bin: 'gemini',
  }),
  run: (given) => ({
    path: `${given.folder}/run`,
    text: lines(
      ...begin('gemini-cli'),
      ...bashOrSh('gemini-cli'),
      `mkdir -p "$GEMINI_CLI_HOME/.gemini" && cp ${given.folder}/${SETTINGS_FILE} "$GEMINI_CLI_HOME/.gemini/" || exit`,
      ...copiedSkills(given.skills, '$GEMINI_CLI_HOME/.gemini/skills'),
      `exec ${program('gemini')} --yolo --output-format stream-json < ${given.instruction}`,
    ),
    env: variables(given),
    stdout: TRANSCRIPT.path,
  }),
  files: (given) => ({ [SETTINGS_FILE]: JSON.stringify(settings(given)) }),
  exitCodeTells: true,
  transcript: TRANSCRIPT,
};
