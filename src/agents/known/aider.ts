import type { AgentFacts } from '../../crds/agent-facts.ts';
import { PROVIDER_NAMES } from '../../crds/providers.ts';
import type { Agent, AgentGiven } from '../agent.ts';
import { baseUrlOf } from '../endpoint.ts';
import { LARGE, LITELLM_PAGES, pypiProgram } from '../programs/pypi.ts';
import { begin, lines, program } from '../run.ts';
import { readAider } from '../transcripts/aider.ts';

export const facts: AgentFacts = {
  does: 'runs Aider',
  reads: 'instruction.md',
  scripts: false,
  model: 'required',
  providers: PROVIDER_NAMES,
  program: { registry: 'PyPI', package: 'aider-chat', version: '0.86.2' },
  skills: false,
  mcp: false,
  mcpHeaders: false,
};

const TRANSCRIPT = { path: '/logs/agent/aider.md', read: readAider };
const SETTINGS_FILE = 'models.yml';

/** Flags as `aider --help` of 0.86.2 has them. Streamed answers would have no counts but a guess. */
const FLAGS = [
  '--yes-always --no-stream --no-pretty --no-fancy-input --no-check-update --no-show-release-notes',
  '--no-show-model-warnings --no-gitignore --no-auto-commits --no-dirty-commits --disable-playwright',
  '--analytics-disable --input-history-file /dev/null',
  // Both are only added to: together they say what came after what.
  `--chat-history-file ${TRANSCRIPT.path} --analytics-log ${TRANSCRIPT.path}`,
].join(' ');

/** Lists that Aider would fetch otherwise; what is in them it finds in LiteLLM. */
const LISTS = ['model_prices_and_context_window', 'openrouter_models'];

/** Of all models: YAML, of which JSON is a part. */
const settings = ({ endpoint }: AgentGiven): object[] =>
  endpoint
    ? [{ name: 'aider/extra_params', extra_params: { api_base: baseUrlOf(endpoint, { gemini: '/v1beta' }) } }]
    : [];

export const agent: Agent = {
  // It refuses Python 3.13.
  program: pypiProgram({
    package: 'aider-chat',
    bin: 'aider',
    packed: [...LARGE, 'scipy', 'networkx'],
    without: ['hf_xet', ...LITELLM_PAGES],
    python: '3.11',
  }),
  run: (given) => ({
    path: `${given.folder}/run`,
    text: lines(
      ...begin('aider'),
      'mkdir -p "$HOME/.aider/caches"',
      ...LISTS.map((list) => `echo '{"data":[]}' > "$HOME/.aider/caches/${list}.json"`),
      // It would make a repository.
      'git rev-parse --git-dir > /dev/null 2>&1 || set -- --no-git',
      [
        `exec ${program('aider')} ${FLAGS} --model "$SB_MODEL" --weak-model "$SB_MODEL"`,
        `--model-settings-file ${given.folder}/${SETTINGS_FILE}`,
        ...(given.webTools ? [] : ['--no-detect-urls']),
        `--message-file ${given.instruction} "$@"`,
      ].join(' '),
    ),
    env: {
      ...(given.endpoint && { SB_MODEL: `${given.endpoint.provider}/${given.endpoint.name}` }),
      LITELLM_LOCAL_MODEL_COST_MAP: 'True',
      // It opens pages about errors.
      BROWSER: 'true',
    },
    stdout: '/logs/agent/aider.txt',
  }),
  files: (given) => ({ [SETTINGS_FILE]: JSON.stringify(settings(given)) }),
  exitCodeTells: true,
  transcript: TRANSCRIPT,
};
