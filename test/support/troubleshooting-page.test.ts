import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SANDBOX_LOST, SANDBOX_STOPPED, SANDBOX_WAITING } from '../../src/crds/sandbox-reasons.ts';
import { BUILD_ACTIVE, BUILD_FAILED, TRIAL_ACTIVE, TRIAL_FAILED } from '../../src/crds/reasons.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/troubleshooting.md'), 'utf8');

/** The reasons in the first column of a section’s table. */
function reasonsOf(section: string): string[] {
  const [, text = ''] = page.split(`\n## ${section}\n`);
  const rows = text.split('\n## ')[0]?.match(/^\| `.*$/gm) ?? [];
  return rows.flatMap((row) => (row.split('|')[1] ?? '').match(/\w+/g) ?? []).sort();
}

describe('docs/troubleshooting.md', () => {
  const sections = {
    'The Trial has no result yet': TRIAL_ACTIVE,
    'The Trial ended without a result': TRIAL_FAILED,
    'The TaskBuild has not ended': BUILD_ACTIVE,
    'The build failed': BUILD_FAILED,
    'The Sandbox is not ready': { ...SANDBOX_WAITING, ...SANDBOX_STOPPED, ...SANDBOX_LOST },
  };
  for (const [section, reasons] of Object.entries(sections))
    it(`says under “${section}” what to do about each reason`, () => {
      expect(reasonsOf(section)).to.deep.equal(Object.keys(reasons).sort());
    });
});
