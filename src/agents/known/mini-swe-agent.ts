import type { AgentFacts } from '../../crds/agent-facts.ts';
import { PROVIDER_NAMES } from '../../crds/providers.ts';
import type { Agent, AgentGiven } from '../agent.ts';
import { baseUrlOf } from '../endpoint.ts';
import { LARGE, LITELLM_PAGES, pypiProgram } from '../programs/pypi.ts';
import { begin, lines, program, writable } from '../run.ts';
import { readMiniSweAgent } from '../transcripts/mini-swe-agent.ts';

export const facts: AgentFacts = {
  does: 'runs mini-swe-agent',
  reads: 'instruction.md',
  scripts: false,
  model: 'required',
  providers: PROVIDER_NAMES,
  program: { registry: 'PyPI', package: 'mini-swe-agent', version: '2.4.6' },
  skills: false,
  mcp: false,
  mcpHeaders: false,
};

const TRANSCRIPT = { path: '/logs/agent/mini-swe-agent.json', read: readMiniSweAgent };

/** What it loads for benchmarks of its own, and LiteLLM for Bedrock. */
const WITHOUT =
  'datasets pandas pandas.libs pyarrow pyarrow.libs numpy numpy.libs hf_xet boto3 botocore s3transfer jmespath setuptools pip';

/** By the names of mini-swe-agent's documentation (global configuration), and of LiteLLM's. */
const variables = ({ endpoint }: AgentGiven): Record<string, string> => ({
  MSWEA_CONFIGURED: 'true',
  MSWEA_GLOBAL_CONFIG_DIR: writable('mini-swe-agent'),
  MSWEA_SILENT_STARTUP: '1',
  // It would give up on a model whose price it does not know.
  MSWEA_COST_TRACKING: 'ignore_errors',
  LITELLM_LOCAL_MODEL_COST_MAP: 'True',
  ...(endpoint && {
    SB_MODEL: `${endpoint.provider}/${endpoint.name}`,
    SB_BASE_URL: baseUrlOf(endpoint, { gemini: '/v1beta' }),
  }),
});

export const agent: Agent = {
  program: pypiProgram({
    package: 'mini-swe-agent',
    bin: 'mini',
    packed: LARGE,
    without: [...WITHOUT.split(' '), ...LITELLM_PAGES],
    check: '--help',
  }),
  run: (given) => ({
    path: `${given.folder}/run`,
    text: lines(
      ...begin('mini-swe-agent'),
      // The limit of costs is the Trial's, not its own of 3 dollars.
      [
        `exec ${program('mini')} --yolo --exit-immediately --cost-limit 0 --model "$SB_MODEL"`,
        '--config mini.yaml --config model.model_kwargs.api_base="$SB_BASE_URL"',
        `--output ${TRANSCRIPT.path} --task "$(cat ${given.instruction})"`,
      ].join(' '),
    ),
    env: variables(given),
    stdout: '/logs/agent/mini-swe-agent.txt',
  }),
  exitCodeTells: true,
  transcript: TRANSCRIPT,
};
