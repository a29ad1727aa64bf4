import { expect } from 'chai';
import { trialDefinition } from '../crds/kinds.ts';
import { BUILD_FAILED, TRIAL_ACTIVE, TRIAL_DONE, TRIAL_FAILED } from '../crds/reasons.ts';
import { conditionsPage, kindPage } from './reference.ts';

describe('The reference of a kind', () => {
  const page = kindPage(trialDefinition);
  const row = (field: string): string =>
    page.split('\n').find((line) => line.startsWith(`| \`${field}\``)) ?? '';

  it('tells type, default, bounds and meaning of a field', () => {
    expect(row('maxAttempts')).to.equal(
      '| `maxAttempts` | integer | `3` | 1 to 10 | Maximum number of attempts if infrastructure fails. |',
    );
  });

  it('marks what must be written', () => {
    expect(row('task.name')).to.match(/^\| `task.name` \(required\) \|/);
  });

  it('names the values of a closed list', () => {
    expect(row('environment.network.mode')).to.contain('`Public`, `None`, `Allowlist`');
  });

  it('keeps a vertical bar in a pattern from splitting the row', () => {
    expect(row('environment.resources.requests.memory')).to.contain('\\|k\\|Ki');
  });

  it('lists the rules that the API server checks', () => {
    expect(page).to.contain('| `spec.run` | run is immutable; create another Trial |');
  });
});

describe('The reference of conditions', () => {
  it('has a row for every reason', () => {
    const page = conditionsPage();
    for (const list of [TRIAL_ACTIVE, TRIAL_DONE, TRIAL_FAILED, BUILD_FAILED])
      for (const reason of Object.keys(list)) expect(page).to.contain(`| \`${reason}\` |`);
  });

  it('says which failures are tried again', () => {
    expect(conditionsPage()).to.match(/\| `NodeLost` \| False \| yes \|/);
  });
});
