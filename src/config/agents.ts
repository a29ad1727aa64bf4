/** The settings about the programs of agents. */
import type { Reader } from './reader.ts';

export interface AgentSettings {
  /** `SB_AGENT_PROGRAMS`: whether the operator builds an image of an agent's program, or each container installs it. */
  how: 'Image' | 'Install';
  /** `SB_AGENT_VOLUMES`: how its files come into a container; `Image` needs nodes that mount images. */
  volumes: 'Copy' | 'Image';
  /** `SB_AGENT_VERSIONS`: how many versions of its own choice each namespace may have built. */
  versionsPerNamespace: number;
  /** `SB_AGENT_CA_FILE`: authorities in PEM that builds of programs trust beside those of everybody; there may be no such file. */
  authoritiesFile?: string;
}

const VERSIONS: [number, number] = [0, 1000];

export function agentSettings(read: Reader): AgentSettings {
  const authoritiesFile = read.optional('SB_AGENT_CA_FILE');
  return {
    how: read.choice('SB_AGENT_PROGRAMS', ['Image', 'Install'] as const),
    volumes: read.choice('SB_AGENT_VOLUMES', ['Copy', 'Image'] as const),
    versionsPerNamespace: read.integer('SB_AGENT_VERSIONS', 8, VERSIONS),
    ...(authoritiesFile !== undefined && { authoritiesFile }),
  };
}
