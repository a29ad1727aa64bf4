/** All rules, by chapter. */
import { ARTIFACTS } from './artifacts.ts';
import { DOCUMENTS } from './documents.ts';
import { ENVIRONMENTS } from './environment.ts';
import { NETWORK } from './network.ts';
import { REWARDS } from './rewards.ts';
import type { Rule } from './rule.ts';
import { SCRIPTS } from './scripts.ts';
import { SEPARATE_VERIFIER } from './separate.ts';
import { SERVICES } from './services.ts';
import { STEPS } from './steps.ts';

export const CHAPTERS: Record<string, Rule[]> = {
  Rewards: REWARDS,
  'Solution and tests': SCRIPTS,
  Environment: ENVIRONMENTS,
  Services: SERVICES,
  'The task’s folder': DOCUMENTS,
  Artifacts: ARTIFACTS,
  Steps: STEPS,
  Network: NETWORK,
  'Separate verifier': SEPARATE_VERIFIER,
};

export const RULES: Rule[] = Object.values(CHAPTERS).flat();
