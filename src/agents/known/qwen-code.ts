import type { AgentFacts } from '../../crds/agent-facts.ts';
import { present } from '../../crds/present.ts';
import type { Agent, AgentGiven } from '../agent.ts';
import { geminiServersOf } from '../mcp.ts';
import { npmProgram } from '../programs/npm.ts';
import { bashOrSh, begin, copiedSkills, lines, program, skillsVariable, writable } from '../run.ts';
import { readQwenCode } from '../transcripts/qwen-code.ts';

export const facts: AgentFacts = {
  does: 'runs Qwen Code',
  reads: 'instruction.md',
  scripts: false,
  model: 'required',
  // All that speak the protocol of OpenAI's chats.
  providers: ['dashscope', 'openai', 'openrouter', 'deepseek', 'moonshot', 'mistral', 'xai', 'groq'],
  program: { registry: 'npm', package: '@qwen-code/qwen-code', version: '0.24.4' },
  skills: true,
  mcp: true,
  mcpHeaders: true,
};

const TRANSCRIPT = { path: '/logs/agent/qwen-code.txt', read: readQwenCode };
const SETTINGS_FILE = 'settings.json';
const WEB_TOOLS = ['web_fetch', 'web_search'];

/** Settings of the system, by the names of Qwen Code's documentation (configuration): no user's own can undo them. */
const settings = ({ webTools, mcpServers }: AgentGiven): object => ({
  general: { enableAutoUpdate: false },
  security: { auth: { selectedType: 'openai' }, folderTrust: { enabled: false } },
  privacy: { usageStatisticsEnabled: false },
  telemetry: { enabled: false },
  ...(!webTools && { tools: { exclude: WEB_TOOLS } }),
  ...(mcpServers && { mcpServers: geminiServersOf(mcpServers) }),
});

const variables = ({ endpoint, skills, folder }: AgentGiven): Record<string, string> => ({
  QWEN_HOME: writable('qwen-code'),
  QWEN_CODE_SYSTEM_SETTINGS_PATH: `${folder}/${SETTINGS_FILE}`,
  QWEN_CODE_SUPPRESS_YOLO_WARNING: '1',
  QWEN_CODE_NO_RELAUNCH: 'true',
  ...present({ OPENAI_BASE_URL: endpoint?.baseUrl, OPENAI_MODEL: endpoint?.name }),
  ...skillsVariable(skills),
});

export const agent: Agent = {
  program: npmProgram({
    package: '@qwen-code/qwen-code',
    bin: 'qwen',
    without: ['@qwen-code/qwen-code/web-shell'],
  }),
  run: (given) => ({
    path: `${given.folder}/run`,
    text: lines(
      ...begin('qwen-code'),
      ...bashOrSh('qwen-code'),
      ...(given.endpoint ? [`export OPENAI_API_KEY="$${given.endpoint.key}"`] : []),
      ...copiedSkills(given.skills, '$QWEN_HOME/skills'),
      `exec ${program('qwen')} --auth-type openai --yolo --output-format stream-json < ${given.instruction}`,
    ),
    env: variables(given),
    stdout: TRANSCRIPT.path,
  }),
  files: (given) => ({ [SETTINGS_FILE]: JSON.stringify(settings(given)) }),
  exitCodeTells: true,
  transcript: TRANSCRIPT,
};
