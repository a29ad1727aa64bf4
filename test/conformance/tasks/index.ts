/** All rules, by chapter, and what Harbor makes of their tasks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ARTIFACTS } from './artifacts.ts';
import { DOCUMENTS } from './documents.ts';
import { ENVIRONMENTS } from './environment.ts';
import { NETWORK } from './network.ts';
import { REWARDS } from './rewards.ts';
import type { HarborResults, Rule } from './rule.ts';
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

/** Harbor's own results; harbor.ts writes them. */
export const HARBOR = JSON.parse(
  readFileSync(join(import.meta.dirname, 'harbor.json'), 'utf8'),
) as HarborResults;
